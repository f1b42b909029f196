#!/usr/bin/env bash
# Measure all that docs/tabletop.md shows, and record it in docs/tabletop/. Run it in the built environment.
#
#   tools/record_tabletop.sh [OUT] [language | paper | all]
#
# OUT: folder of the results (out/tabletop). A second run goes on where the first one ended. WORKERS: processes (2; with 1
# nothing but the package is needed, more need Ray). LIMIT: expressions of the tables that compare many rows (2000).
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/tabletop}
part=${2:-all}
limit=${LIMIT:-2000}
mkdir -p docs/tabletop

evaluate() { # NAME ARGUMENTS…: into $out/NAME
    local name=$1
    shift
    hybridgl evaluate --dataset tabletop --workers "${WORKERS:-2}" --out "$out/$name" "$@"
}

record() { # NAME: summary and breakdown by tag
    cp "$out/$1/summary.csv" "docs/tabletop/$1.csv"
    grep -E '^dataset,|,tag,|,absent,' "$out/$1/breakdown.csv" > "docs/tabletop/$1-breakdown.csv"
}

if [[ $part != paper ]]; then
    beside=(--ablation language --row paper --row robot --row "robot without depth")
    evaluate templates "${beside[@]}"
    evaluate more --expressions more "${beside[@]}"
    evaluate people --expressions people "${beside[@]}"
    evaluate fresh --expressions fresh "${beside[@]}"
    evaluate operators --expressions more --ablation language --limit "$((limit / 4))"
    evaluate operators-people --expressions people --ablation language
    for name in templates more people fresh operators operators-people; do record "$name"; done
fi

if [[ $part != language ]]; then
    evaluate table5 --ablation table5
    evaluate relation-scale --ablation relation-scale
    evaluate table1 --limit "$limit" --ablation table1 --row sam-clip --row global-local --row car --row hybridgl
    evaluate official --limit "$limit" --preset official
    evaluate table3 --limit "$limit" --ablation table3
    evaluate table4 --limit "$limit" --ablation table4
    for name in table5 relation-scale table1 official table3 table4; do cp "$out/$name/summary.csv" "docs/tabletop/$name.csv"; done
    grep -E '^dataset,|,tag,' "$out/table5/breakdown.csv" > docs/tabletop/table5-breakdown.csv
fi

python tools/tables.py
