# How well the model repeats the observed CO2, for each climate sensitivity.
#
# usage: awk -f fit.awk -v table=FILE LIST OBSERVED
#
# LIST names one table of simulate.awk a line; the past is the same in every scenario, so one
# table per sensitivity is read. OBSERVED has year,co2_ppm,... Writes `table` and prints it.
# The bias is near 0 because r0 is tuned to it; the RMSE and the trend are the test of the model.

BEGIN { FS = "," }

function refuse(text) {
    print "summarise: " text | "cat 1>&2"
    failed = 1
    exit 1
}

FNR == NR { if ($0 != "") path[++paths] = $0; next }

FNR > 1 && $0 != "" { observed[$1 + 0] = $2 + 0; years[++n] = $1 + 0 }

END {
    if (failed) exit 1
    if (!n || !paths) refuse("there is nothing to compare")
    for (i = 1; i <= paths; i++) read_table(path[i])
    print "ecs,r0,first_year,last_year,bias_ppm,rmse_ppm,trend_ppm_per_year,observed_trend" > table
    print "Modelled minus observed CO2, " years[1] "-" years[n] " (" n " years)"
    print "sensitivity   r0 (years)   bias (ppm)   RMSE (ppm)   trend (ppm/year)   observed"
    for (i = 1; i <= sensitivities; i++) write_fit(order[i])
}

function read_table(file,    line, field, known) {
    if ((getline line < file) <= 0) refuse(file ": cannot be read")
    while ((getline line < file) > 0) {
        split(line, field, ",")
        if (!known) {
            if (field[2] in r0) break
            known = 1
            insert(field[2])
            r0[field[2]] = field[3]
        }
        if ((field[4] + 0) in observed) modelled[field[2], field[4] + 0] = field[6] + 0
    }
    close(file)
}

function insert(ecs,    k) {
    for (k = ++sensitivities; k > 1 && order[k - 1] + 0 > ecs + 0; k--) order[k] = order[k - 1]
    order[k] = ecs
}

function write_fit(ecs,    i, y, difference, sum, squares, bias, rmse) {
    for (i = 1; i <= n; i++) {
        y = years[i]
        if (!((ecs, y) in modelled)) refuse("no modelled CO2 for " y " at sensitivity " ecs)
        difference = modelled[ecs, y] - observed[y]
        sum += difference
        squares += difference * difference
        series[i] = modelled[ecs, y]
        measured[i] = observed[y]
    }
    bias = sum / n
    if (bias > -0.0005 && bias < 0.0005) bias = 0      # not "-0.000"
    rmse = square_root(squares / n)
    printf "%s,%s,%d,%d,%.3f,%.3f,%.4f,%.4f\n", ecs, r0[ecs], years[1], years[n], bias, rmse, \
        trend(series), trend(measured) > table
    printf "%11s %12.2f %12.3f %12.2f %18.3f %10.3f\n", ecs, r0[ecs], bias, rmse, \
        trend(series), trend(measured)
}

# Slope of the least-squares line through values[1..n] at years[1..n].
function trend(values,    i, mean_year, mean, products, squares) {
    for (i = 1; i <= n; i++) { mean_year += years[i] / n; mean += values[i] / n }
    for (i = 1; i <= n; i++) {
        products += (years[i] - mean_year) * (values[i] - mean)
        squares += (years[i] - mean_year) * (years[i] - mean_year)
    }
    return products / squares
}

# Heron's method: some builds of busybox have an awk without sqrt().
function square_root(x,    root, k) {
    root = x + 1
    for (k = 1; k <= 40; k++) root = (root + x / root) / 2
    return root
}
