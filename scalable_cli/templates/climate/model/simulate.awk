# Emissions -> CO2 -> forcing -> warming, 1750 to 2100, for one scenario and one climate
# sensitivity. Its one free parameter is tuned to the observed CO2 record.
#
# usage: awk -f simulate.awk -v scenario=NAME -v ecs=K -v growth_percent=N -v peak_year=YEAR \
#            -v zero_year=YEAR -v floor_gtc=N -v out=FILE HISTORY OBSERVED
#
# HISTORY   year,fossil_gtc,land_use_gtc: emissions in GtC a year, straight lines in between
# OBSERVED  year,co2_ppm,...: annual means
# Writes one line a year: temperatures in K above 1750, forcing in W m-2. `r0` (years) is the
# tuned parameter, the same on every line.

BEGIN {
    FS = ","

    # Carbon: response of CO2 to a pulse of emissions. Joos et al. 2013, multi-model mean.
    pools = 3
    a[0] = 0.2173                       # stays in the air
    a[1] = 0.2240; tau[1] = 394.4       # years
    a[2] = 0.2824; tau[2] = 36.54
    a[3] = 0.2763; tau[3] = 4.304
    # All three times are multiplied by alpha(t), so that the response integrated over 100 years
    # is r0 + rc * (carbon taken up) + rt * (warming). Millar et al. 2017 (FAIR).
    rc = 0.019                          # years per GtC
    rt = 4.165                          # years per K
    iirf_max = 97                       # above this no alpha exists (100 would mean no uptake)
    preindustrial = 278                 # ppm, in 1750
    gtc_per_ppm = 2.123

    # Forcing: Myhre et al. 1998.
    forcing_factor = 5.35               # W m-2
    doubling = forcing_factor * logarithm(2)

    # Energy balance of two layers: Geoffroy et al. 2013, multi-model mean.
    heat = 7.3                          # W yr m-2 K-1, atmosphere, land and upper ocean
    deep_heat = 106                     # W yr m-2 K-1, deep ocean
    exchange = 0.73                     # W m-2 K-1, between the two

    first = 1750; shown_from = 1850; end = 2100
    per_year = 2                        # steps a year; with 16 the warming differs by 0.1 %
}

function refuse(text) {
    print "simulate: " text | "cat 1>&2"
    failed = 1
    exit 1
}

function is_number(text) { return text ~ /^[-+]?[0-9]+(\.[0-9]+)?$/ }

{ sub(/\r$/, "") }

FNR == 1 { file++; next }

$0 == "" { next }

!is_number($1) || !is_number($2) || (file == 1 && !is_number($3)) {
    refuse(FILENAME ":" FNR ": not numbers: " $0)
}

file == 1 {
    if (anchors && $1 <= anchor_year[anchors]) refuse(FILENAME ":" FNR ": years must rise")
    anchor_year[++anchors] = $1 + 0
    anchor[anchors] = $2 + $3
}

file == 2 { observed[$1 + 0] = $2 + 0; years++; observed_sum += $2 }

END {
    if (failed) exit 1
    check_parameters()
    history_end = anchor_year[anchors]
    emissions_of_history()
    emissions_of_scenario()
    r0 = tuned()
    run(end, 1)
    printf "simulate: %s, sensitivity %s K: r0 %.2f years; in %d: CO2 %.0f ppm, %.2f K\n", \
        scenario, ecs, r0, end, co2_of_year, warming_of_year
}

function check_parameters() {
    if (!is_number(ecs) || ecs <= 0) refuse("the climate sensitivity \"" ecs "\" is not a number above 0")
    if (!is_number(growth_percent)) refuse("growth_percent \"" growth_percent "\" is not a number")
    if (!is_number(floor_gtc)) refuse("floor_gtc \"" floor_gtc "\" is not a number")
    if (!is_number(peak_year) || !is_number(zero_year) || zero_year <= peak_year)
        refuse("zero_year \"" zero_year "\" must come after peak_year \"" peak_year "\"")
    if (anchors < 2 || anchor_year[1] > first || years == 0)
        refuse("the history must start in " first " or before, and there must be observations")
    if (peak_year < anchor_year[anchors])
        refuse("peak_year " peak_year " lies in the history, which ends in " anchor_year[anchors])
    for (y in observed)
        if (y + 0 > anchor_year[anchors]) refuse("there are observations after the history of emissions")
    feedback = doubling / ecs           # W m-2 K-1
}

function emissions_of_history(    k, y, share) {
    k = 1
    for (y = first; y <= history_end; y++) {
        while (anchor_year[k + 1] < y) k++
        share = (y - anchor_year[k]) / (anchor_year[k + 1] - anchor_year[k])
        emissions[y] = anchor[k] + share * (anchor[k + 1] - anchor[k])
    }
}

# Growth from the last year of the history to the peak; then a straight line that crosses zero
# in zero_year, but never below the floor.
function emissions_of_scenario(    y, peak) {
    peak = emissions[history_end]
    for (y = history_end + 1; y <= end; y++) {
        if (y <= peak_year) {
            emissions[y] = peak *= 1 + growth_percent / 100
            continue
        }
        emissions[y] = peak * (1 - (y - peak_year) / (zero_year - peak_year))
        if (emissions[y] < floor_gtc) emissions[y] = floor_gtc + 0
    }
}

# The r0 with which the modelled CO2 has the mean of the observed years: the secant method.
function tuned(    lower, upper, at_lower, at_upper, next_r0, tries) {
    lower = 29; upper = 30
    at_lower = bias(lower); at_upper = bias(upper)
    for (tries = 1; tries <= 20; tries++) {
        if (at_upper > -0.0005 && at_upper < 0.0005) return upper
        if (at_upper == at_lower) break
        next_r0 = upper - at_upper * (upper - lower) / (at_upper - at_lower)
        if (next_r0 < 23 || next_r0 > 60) break
        lower = upper; at_lower = at_upper
        upper = next_r0; at_upper = bias(upper)
    }
    refuse("no carbon uptake fits the observed record")
}

# Modelled minus observed CO2 in ppm, mean over the observed years.
function bias(trial) {
    r0 = trial
    run(history_end, 0)
    return (modelled_sum - observed_sum) / years
}

function run(last_year, shown,    y) {
    reset()
    if (shown)
        print "scenario,ecs,r0,year,emissions_gtc,co2_ppm,forcing,temperature,deep_temperature" > out
    for (y = first; y <= last_year; y++) {
        one_year(emissions[y])
        if (y in observed) modelled_sum += co2_of_year
        if (shown && y >= shown_from)
            printf "%s,%s,%.4f,%d,%.4f,%.3f,%.4f,%.4f,%.4f\n", scenario, ecs, r0, y, \
                emissions[y], co2_of_year, forcing_of_year, warming_of_year, deep_of_year > out
    }
}

function reset(    i) {
    for (i = 0; i <= pools; i++) carbon[i] = 0      # GtC above 1750, by pool
    airborne = emitted = forcing = warming = deep = modelled_sum = 0
    co2 = preindustrial
    alpha = 0.1
}

# One year of constant emissions; sets the means of the year (the trapezoidal rule).
function one_year(rate,    step, before) {
    co2_of_year = forcing_of_year = warming_of_year = deep_of_year = 0
    for (step = 1; step <= per_year; step++) {
        add_to_year(1 / (2 * per_year))
        carbon_step(rate, 1 / per_year)
        before = forcing
        forcing = forcing_factor * logarithm(co2 / preindustrial)
        heat_step((before + forcing) / 2, 1 / per_year)
        add_to_year(1 / (2 * per_year))
    }
}

function add_to_year(share) {
    co2_of_year += share * co2
    forcing_of_year += share * forcing
    warming_of_year += share * warming
    deep_of_year += share * deep
}

# Exact for constant emissions and alpha within the step.
function carbon_step(rate, dt,    i, time, left) {
    set_alpha(r0 + rc * (emitted - airborne) + rt * warming)
    emitted += rate * dt
    airborne = carbon[0] += a[0] * rate * dt
    for (i = 1; i <= pools; i++) {
        time = alpha * tau[i]
        left = exponential(-dt / time)
        carbon[i] = carbon[i] * left + a[i] * rate * time * (1 - left)
        airborne += carbon[i]
    }
    co2 = preindustrial + airborne / gtc_per_ppm
    if (co2 <= 0) out_of_range()
}

# The alpha for a response of `target` years over 100 years: Newton's method on its logarithm,
# from the alpha of the step before.
function set_alpha(target,    i, x, decay, value, slope, change, tries) {
    if (target > iirf_max) target = iirf_max
    if (target <= 100 * a[0]) out_of_range()
    for (tries = 1; tries <= 50; tries++) {
        value = 100 * a[0]; slope = 0
        for (i = 1; i <= pools; i++) {
            x = 100 / (alpha * tau[i])
            decay = exponential(-x)
            value += a[i] * 100 / x * (1 - decay)
            slope += a[i] * 100 / x * (1 - (1 + x) * decay)
        }
        change = (target - value) / slope
        if (change > 0.5) change = 0.5
        if (change < -0.5) change = -0.5
        alpha *= 1 + change
        if (change < 0.0001 && change > -0.0001) return
    }
    out_of_range()
}

function out_of_range() {
    refuse("the emissions of \"" scenario "\" leave the range of the carbon cycle")
}

# The trapezoidal rule: stable for any step, second order.
function heat_step(force, dt,    p, q, s, right, deep_right, determinant) {
    p = dt / (2 * heat) * (feedback + exchange)
    q = dt / (2 * heat) * exchange
    s = dt / (2 * deep_heat) * exchange
    right = (1 - p) * warming + q * deep + dt / heat * force
    deep_right = s * warming + (1 - s) * deep
    determinant = (1 + p) * (1 + s) - q * s
    warming = ((1 + s) * right + q * deep_right) / determinant
    deep = ((1 + p) * deep_right + s * right) / determinant
}

# Some builds of busybox have an awk without exp() and log(), so the model brings its own,
# exact to 1e-12.
function exponential(x,    k, term, sum, halvings) {
    if (x < -50) return 0
    while (x > 0.25 || x < -0.25) { x /= 2; halvings++ }
    term = sum = 1
    for (k = 1; k <= 9; k++) sum += term *= x / k
    while (halvings-- > 0) sum *= sum
    return sum
}

function logarithm(x,    k, z, power, sum, twos) {
    while (x > 1.4) { x /= 2; twos++ }
    while (x < 0.7) { x *= 2; twos-- }
    z = (x - 1) / (x + 1)
    power = z
    for (k = 1; k <= 17; k += 2) { sum += power / k; power *= z * z }
    return 2 * sum + twos * 0.693147180559945309
}
