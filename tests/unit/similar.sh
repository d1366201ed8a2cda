#!/usr/bin/env bash
# similar: what the same people want at the same time comes first; the unknown is told.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
complain() { echo "similar: $1"; bad=1; }

# halves: half of the users want the lower items, in any order, the others the upper ones.
awk 'BEGIN { srand(5); print "timestamp\tuser\titem\tevent\tvalue"
  for (n = 0; n < 8000; n++) { user = int(rand() * 200)
    printf "%d\tu%d\ti%d\tplay\t\n", 1e9 + 600 * n, user, int(rand() * 40) + (user < 100 ? 0 : 40) } }' \
  >"$folder/halves.tsv"
# pairs: who wants item 2n wants 2n+1 a minute later. i500 came once.
awk 'BEGIN { srand(5); print "timestamp\tuser\titem\tevent\tvalue"
  for (n = 0; n < 3000; n++) { user = int(rand() * 200); item = 2 * int(rand() * 40)
    for (k = 0; k < 2; k++) printf "%d\tu%d\ti%d\tplay\t\n", 1e9 + 600 * n + 60 * k, user, item + k }
  printf "%d\tu1\ti500\tplay\t\n", 2e9 }' >"$folder/pairs.tsv"
learn() {
  env -i "$tasted" replay -c /dev/null --set lists.exclude_seen=no --snapshot "$folder/s" "$@" \
    >/dev/null 2>&1 || complain 'no snapshot'
}
similar() { env -i "$tasted" similar -c /dev/null --snapshot "$folder/s" "$@" 2>"$folder/err"; }

# By vectors alone: the same half.
learn --set model.neighbours=0 "$folder/halves.tsv"
for item in 1 11 21 31 41 51 61 71; do
  similar i$item -n 5 | awk -v i=$item 'NR > 1 { print (substr($2, 2) + 0 < 40) == (i < 40) }'
done | grep -c 1 >"$folder/count"
[ "$(cat "$folder/count")" -ge 36 ] || complain "by vectors: only $(cat "$folder/count") of 40 are of the same half"

# By counts and vectors: the other half of the pair.
learn "$folder/pairs.tsv"
for item in 0 10 20 30 40 50 60 70; do
  similar i$item -n 3 | awk 'NR == 2 { print $2 }' | grep -qx "i$((item + 1))" || complain "i$((item + 1)) is not what is most like i$item"
done
similar i500 --json | grep -q '"items": \["i' || complain 'nothing is like an item that came once'
similar i500 | grep -q 'i500' && complain 'an item is like itself'
similar nothing && complain 'an unknown item is known'
grep -q 'does not know the item nothing' "$folder/err" || complain 'an unknown item is not told'
exit $bad
