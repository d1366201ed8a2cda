#!/usr/bin/env bash
# tasted demo: the stream as a file, and the show, which ends cleanly however it ends.
set -u
tasted=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
complain() { echo "demo: $1"; bad=1; }

# ---- the stream as a file
"$tasted" demo --stream "$work/a.ndjson" --events 3000 --seed 5 || complain "--stream failed"
"$tasted" demo --stream "$work/b.ndjson" --events 3000 --seed 5 || complain "--stream failed again"
"$tasted" demo --stream "$work/c.ndjson" --events 3000 --seed 6 || complain "--stream failed with another seed"
[ "$(wc -l <"$work/a.ndjson")" -eq 3000 ] || complain "--events 3000 did not write 3000 lines"
[ -s "$work/a.items.ndjson" ] || complain "there is no catalogue"
for name in ndjson items.ndjson truth.json; do
  cmp -s "$work/a.$name" "$work/b.$name" || complain "the same seed gives another .$name"
done
cmp -s "$work/a.ndjson" "$work/c.ndjson" && complain "another seed gives the same stream"
grep -q '"best_recall10": 0\.[3-8]' "$work/a.truth.json" || complain "no plausible truth"
"$tasted" demo --stream "$work/none/a.ndjson" --events 10 2>/dev/null
[ $? -eq 73 ] || complain "a folder that is not there is not 73"
for wrong in "--for never" "--for 0" "--rate 0" "--seed x" "--seed -1" "--events 0" "stray"; do
  # shellcheck disable=SC2086 # two words each
  "$tasted" demo $wrong >/dev/null 2>&1
  [ $? -eq 64 ] || complain "demo $wrong: not 64"
done

# ---- the show
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
left_behind() { # what ran
  [ -z "$(ls -A "$TMPDIR")" ] || complain "$1: leaves $(ls "$TMPDIR") behind"
  local process
  for process in /proc/[0-9]*; do
    if tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -qF "$TMPDIR"; then
      complain "$1: leaves process $(basename "$process") behind"
    fi
  done
}
"$tasted" demo --for 3 --rate 500 >"$work/out" 2>"$work/err" || complain "--for 3: exit $?"
grep -Eq '^hit rate@10 of the whole [0-9]+ plays: popular 0\.[0-9]+, tasted 0\.[0-9]*[1-9]' "$work/out" ||
  complain "no hit rate in the summary: $(cat "$work/out" "$work/err")"
grep -Eq '[1-9][0-9]* lists' "$work/out" || complain "no lists were written"
left_behind "--for"

for signal in INT TERM HUP; do
  (exec "$tasted" demo --rate 200 >"$work/out" 2>"$work/err") &
  demo=$!
  for _ in $(seq 600); do # until the stream plays
    grep -q metrics "$work/err" && break
    sleep 0.1
  done
  sleep 0.5
  kill -"$signal" $demo
  wait $demo
  [ $? -eq 0 ] || complain "SIG$signal: not exit 0: $(cat "$work/err")"
  left_behind "SIG$signal"
done

PATH=$work "$tasted" demo --for 1 >"$work/out" 2>"$work/err"
[ $? -eq 69 ] && grep -q 'needs redis-server' "$work/err" || complain "without Redis: not 69: $(cat "$work/err")"
"$tasted" demo --stream - --events 5 >"$work/out" 2>"$work/err"
[ $? -eq 64 ] || complain "--stream -: not 64"

"$tasted" demo --for 20 --rate 200 2>/dev/null | head -n 1 >/dev/null
[ "${PIPESTATUS[0]}" -eq 0 ] || complain "a reader that goes away: not exit 0"
left_behind "a reader that goes away"

"$tasted" demo --keep --for 1 >/dev/null 2>"$work/err" || complain "--keep: exit $?"
kept=$(sed -n 's/.*kept //p' "$work/err")
[ -s "$kept/model.snapshot" ] && [ -s "$kept/tasted.log" ] || complain "--keep kept nothing"
exit $bad
