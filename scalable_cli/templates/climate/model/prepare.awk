# Annual means of a weekly record of atmospheric CO2.
#
# usage: awk -f prepare.awk -v out=FILE RECORD
#
# RECORD has the columns date (YYYYMMDD) and co2 (ppm, empty where there is no measurement).
# A gap between two measurements is filled by a straight line. A year counts when at least
# half of its weeks were measured; the others are named and left out. Fewer than `need` years
# are refused: a short record cannot tell the trend from the weather.
# Writes year,co2_ppm,weeks_measured,weeks_filled.

BEGIN {
    FS = ","
    enough = 26     # measured weeks that make a year
    need = 20       # years that make a record
}

function refuse(text) {
    print "prepare: " text | "cat 1>&2"
    failed = 1
    exit 1
}

{ sub(/\r$/, "") }

FNR == 1 {
    if ($0 != "date,co2") refuse(FILENAME ": the first line is \"" $0 "\", not \"date,co2\"")
    next
}

$0 == "" { next }

$1 !~ /^[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]$/ {
    refuse(FILENAME ":" FNR ": \"" $1 "\" is not a date YYYYMMDD")
}

$1 <= date {
    refuse(FILENAME ":" FNR ": " $1 " does not come after " date)
}

$2 != "" && ($2 !~ /^[0-9]+(\.[0-9]+)?$/ || $2 < 150 || $2 > 1000) {
    refuse(FILENAME ":" FNR ": \"" $2 "\" is not a CO2 concentration in ppm")
}

{
    date = $1
    weeks++
    year[weeks] = substr($1, 1, 4) + 0
    if ($2 == "") next
    co2[weeks] = $2 + 0
    measured[weeks] = 1
    for (w = last + 1; last && w < weeks; w++)
        co2[w] = co2[last] + (co2[weeks] - co2[last]) * (w - last) / (weeks - last)
    last = weeks
}

END {
    if (failed) exit 1
    for (w = 1; w <= weeks; w++) {
        y = year[w]
        if (!(w in co2)) continue       # before the first measurement or after the last
        count[y]++
        sum[y] += co2[w]
        if (w in measured) good[y]++
    }
    for (y = year[1]; y <= year[weeks]; y++) {
        if (good[y] >= enough) kept++
        else print "prepare: " y " is left out: " good[y] + 0 " measured weeks, " enough " are needed"
    }
    if (kept < need)
        refuse(kept + 0 " usable years, at least " need " are needed")

    print "year,co2_ppm,weeks_measured,weeks_filled" > out
    for (y = year[1]; y <= year[weeks]; y++)
        if (good[y] >= enough)
            printf "%d,%.3f,%d,%d\n", y, sum[y] / count[y], good[y], count[y] - good[y] > out
    print "prepare: " kept " annual means"
}
