#!/usr/bin/env bash
# replay --try: each variant is what a replay of its own with those settings would be, whatever the
# number of threads; and what cannot be tried is refused.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
complain() { echo "replay --try: $1"; bad=1; }
quiet() { env -i "$tasted" "$@" -c /dev/null 2>"$folder/err"; }

awk 'BEGIN { srand(7); print "timestamp\tuser\titem\tevent\tvalue"
  for (n = 0; n < 6000; n++)
    printf "%d\tu%d\ti%d\tplay\t%s\n", 1e9 + 60 * n, rand() * 80, (rand() * rand() * 300), rand() < .2 ? ".1" : "" }' \
  >"$folder/events.tsv"

# What does not depend on the clock.
figures() { python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
for r in report.get("variants", [report]):
    print(r["state_digest"], r["learned"], r["evaluated"], r["recall"], r["ndcg"], r["mrr"], r["skip_auc"], r["baselines"])
' "$1"; }

alone() { # NAME SET…
  local name=$1; shift
  quiet replay --evaluate --warmup .2 --threads 1 --report "$folder/$name.json" "$@" "$folder/events.tsv" >/dev/null ||
    complain "replay alone: $(cat "$folder/err")"
  figures "$folder/$name.json"
}
{ alone a; alone b --set model.dim=32; alone c --set model.seed=2 --set signals.play=2
  alone d --set model.seed=2 --set signals.play=3; } >"$folder/alone"
for threads in 1 2 3; do
  quiet replay --evaluate --warmup .2 --threads $threads --try model.dim=32 \
    --try 'model.seed=2 signals.play=2,3' --report "$folder/all.json" "$folder/events.tsv" \
    >"$folder/table" || complain "replay --try: $(cat "$folder/err")"
  figures "$folder/all.json" >"$folder/together"
  cmp -s "$folder/alone" "$folder/together" || complain "$threads threads: other figures than each alone"
done
for row in 'as set' 'model.dim=32' 'model.seed=2 signals.play=3' popularity transition; do
  grep -qE "^$row +[0-9.]+ +[0-9.]+ +[0-9.]+" "$folder/table" || complain "no row $row in the table"
done

# The settings as they stand are not told twice.
quiet replay --evaluate --try model.dim=32,64 "$folder/events.tsv" >"$folder/table"
grep -q 'as set' "$folder/table" && complain 'as set, beside model.dim=64 which is the same'
grep -q '^model.dim=64 ' "$folder/table" || complain 'no row model.dim=64'

quiet replay --evaluate --try parts "$folder/events.tsv" >"$folder/table"
for row in 'as set' 'without transitions' 'only neighbours' 'only history'; do
  grep -qE "^$row +[0-9.]+" "$folder/table" || complain "no row $row with --try parts"
done

refused() { # CODE PATTERN WORDS…
  local code=$1 pattern=$2; shift 2
  quiet replay "$@" "$folder/events.tsv" >/dev/null
  local got=$?
  [ $got = "$code" ] || complain "$*: exit $got, not $code"
  grep -qE -- "$pattern" "$folder/err" || complain "$*: $(cat "$folder/err")"
}
refused 64 'SECTION.KEY=VALUE' --try model.dim
refused 64 'only settings of the model' --try input.topic=a,b
refused 78 'unknown key model.dmi; did you mean model.dim' --try model.dmi=32
refused 78 'model.dim = 33' --try model.dim=32,33
refused 64 'keeps one model' --try model.dim=32 --snapshot "$folder/x"
refused 64 'more than 64 variants' --try "model.seed=$(seq -s, 2 70)"
refused 64 'threads 0' --threads 0
exit $bad
