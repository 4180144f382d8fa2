# Percentiles over the climate sensitivities, for each scenario and year.
#
# usage: awk -f ensemble.awk -v table=FILE -v text=FILE LIST
#
# LIST names one table of simulate.awk a line. Writes `table`, a line per scenario and year, and
# `text`, the last year for people. Warming is counted from the mean of 1850-1900.

BEGIN {
    first = 1850; baseline_end = 1900
    since = 2024        # emissions are added up from here: the first year of the scenarios
    columns = "warming_p05,warming_p50,warming_p95,co2_p05,co2_p50,co2_p95"
}

function refuse(text) {
    print "summarise: " text | "cat 1>&2"
    failed = 1
    exit 1
}

$0 != "" { read_table($0) }

END {
    if (failed) exit 1
    if (!scenarios) refuse("there are no tables")
    print "scenario,year,members," columns > table
    for (s = 1; s <= scenarios; s++)
        for (y = first; y <= last; y++) write_year(name[s], y)
    write_text()
}

function read_table(path,    line, field, n, baseline, y) {
    if ((getline line < path) <= 0) refuse(path ": cannot be read")
    while ((getline line < path) > 0) {
        split(line, field, ",")
        y = field[4] + 0
        if (!n++) new_member(field[1])
        if (y <= baseline_end) baseline += field[8] / (baseline_end - first + 1)
        co2[field[1], y, members[field[1]]] = field[6] + 0
        warming[field[1], y, members[field[1]]] = field[8] + 0
        emissions[field[1], y] = field[5]
    }
    close(path)
    if (n == 0 || (last && y != last)) refuse(path ": ends in " y + 0 ", others in " last + 0)
    last = y
    for (y = first; y <= last; y++) warming[field[1], y, members[field[1]]] -= baseline
}

function new_member(scenario) {
    if (!(scenario in members)) name[++scenarios] = scenario
    members[scenario]++
}

function write_year(scenario, y) {
    printf "%s,%d,%d", scenario, y, members[scenario] > table
    percentiles(warming, scenario, y)
    printf ",%.3f,%.3f,%.3f", p05, p50, p95 > table
    if (y == last) { low[scenario] = p05; middle[scenario] = p50; high[scenario] = p95 }
    percentiles(co2, scenario, y)
    printf ",%.1f,%.1f,%.1f\n", p05, p50, p95 > table
    if (y == last) co2_middle[scenario] = p50
}

# Sets p05, p50 and p95 of one scenario and year.
function percentiles(of, scenario, y,    n, i, k, value) {
    n = members[scenario]
    for (i = 1; i <= n; i++) {
        value = of[scenario, y, i]
        for (k = i; k > 1 && sorted[k - 1] > value; k--) sorted[k] = sorted[k - 1]
        sorted[k] = value
    }
    p05 = percentile(n, 0.05); p50 = percentile(n, 0.5); p95 = percentile(n, 0.95)
}

# Hyndman and Fan 1996, type 5: value i of n is the (i - 0.5) / n quantile, which is how the
# sensitivities were chosen.
function percentile(n, p,    rank, below) {
    rank = n * p + 0.5
    if (rank <= 1) return sorted[1]
    if (rank >= n) return sorted[n]
    below = int(rank)
    return sorted[below] + (rank - below) * (sorted[below + 1] - sorted[below])
}

function write_text(    s, k, order) {
    for (s = 1; s <= scenarios; s++) {
        for (k = s; k > 1 && middle[order[k - 1]] < middle[name[s]]; k--) order[k] = order[k - 1]
        order[k] = name[s]
    }
    print "Warming in " last " above 1850-1900, from CO2 alone (K)" > text
    print "" > text
    printf "%-18s %8s %8s %8s %10s %14s\n", "scenario", "5 %", "50 %", "95 %", "CO2 (ppm)", \
        "GtC " since "-" last > text
    for (k = 1; k <= scenarios; k++)
        printf "%-18s %8.2f %8.2f %8.2f %10.0f %14.0f\n", order[k], low[order[k]], \
            middle[order[k]], high[order[k]], co2_middle[order[k]], total(order[k]) > text
}

# Emissions of the scenario's years, in GtC.
function total(scenario,    y, sum) {
    for (y = since; y <= last; y++) sum += emissions[scenario, y]
    return sum
}
