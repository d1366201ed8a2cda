#!/usr/bin/env bash
# replay --evaluate --threads: a catalogue so large that one event's ranking is shared by several
# threads; every figure is the same as with one.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT

awk 'BEGIN { srand(7); print "timestamp\tuser\titem\tevent\tvalue"
  for (n = 0; n < 40000; n++)
    printf "%d\tu%d\ti%d\tplay\t\n", 1e9 + 60 * n, rand() * 500, n < 30000 ? n : 100 * rand() * rand() }' >"$folder/events.tsv"
for threads in 1 2 4; do
  env -i "$tasted" replay -c /dev/null --evaluate --warmup .8 --every 20 --set lists.exclude_seen=no --threads $threads \
    --report - "$folder/events.tsv" 2>"$folder/err" | grep -v 'seconds"' >"$folder/$threads" ||
    { echo "replay --threads $threads: $(cat "$folder/err")"; exit 1; }
  cmp "$folder/1" "$folder/$threads" || { echo "replay --threads $threads: other figures than with one"; exit 1; }
done
grep -q '"evaluated": 400,' "$folder/1" || { echo "replay --threads: not what should have been scored"; exit 1; }
