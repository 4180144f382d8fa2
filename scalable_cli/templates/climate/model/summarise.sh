#!/bin/sh
# Percentiles per scenario and year, the fit to the observations, and a table for people.
#
# usage: sh summarise.sh LIST OBSERVED SUMMARY FIT TEXT
#
# LIST is a file with the path of one simulated table a line.
set -eu
[ $# -eq 5 ] || { echo "summarise: wants LIST OBSERVED SUMMARY FIT TEXT" >&2; exit 2; }
list=$1 observed=$2 summary=$3 fit=$4 text=$5
model=$(dirname "$0")

awk -f "$model/fit.awk" -v table="$fit" "$list" "$observed"
awk -f "$model/ensemble.awk" -v table="$summary" -v text="$text" "$list"
echo
cat "$text"
