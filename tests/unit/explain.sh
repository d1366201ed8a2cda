#!/usr/bin/env bash
# explain: the terms add up to the score that predict prints; misuse and the unknown are told.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
complain() { echo "explain: $1"; bad=1; }

awk 'BEGIN { srand(5); print "timestamp\tuser\titem\tevent\tvalue"
  for (n = 0; n < 4000; n++)
    printf "%d\tu%d\ti%d\tplay\t\n", 1e9 + 60 * n, rand() * 30, n / 40 + rand() * 30 }' >"$folder/events.tsv"
env -i "$tasted" replay -c /dev/null --snapshot "$folder/s" "$folder/events.tsv" >/dev/null 2>&1 || complain 'no snapshot'

expect() { # CODE STREAM PATTERN WORDS…
  local code=$1 stream=$2 pattern=$3; shift 3
  env -i "$tasted" "$@" >"$folder/out" 2>"$folder/err"
  local got=$?
  [ $got = "$code" ] || complain "$*: exit $got, not $code"
  grep -qE -- "$pattern" "$folder/$stream" || complain "$*: no /$pattern/ on std$stream: $(cat "$folder/$stream")"
}
expect 0 out '^sum ' explain u3 i110 --snapshot "$folder/s"
expect 0 out '^the past items that weigh most' explain u3 i110 --snapshot "$folder/s" -n 3
[ "$(sed '1,/^wanted/d' "$folder/out" | wc -l)" = 3 ] || complain '-n 3: not 3 past items'
[ "$(LC_ALL=C.UTF-8 wc -L <"$folder/out")" -le 80 ] || complain 'a table of more than 80 columns'
expect 0 err 'does not know the user zoe' explain zoe i110 --snapshot "$folder/s"
expect 65 err 'does not know the item nothing' explain u3 nothing --snapshot "$folder/s"
expect 64 err '--snapshot FILE is needed' explain u3 i110
expect 64 err 'USER and an ITEM' explain u3 --snapshot "$folder/s"
expect 64 err '1 to 64, not 65' explain u3 i110 -n 65 --snapshot "$folder/s"
expect 65 err 'no/such' explain u3 i110 --snapshot "$folder/no/such"

expect 0 out '"score"' explain u3 i110 --json --snapshot "$folder/s"
cp "$folder/out" "$folder/explained"
expect 0 out '"score"' predict u3 i110 --json --snapshot "$folder/s"
python3 - "$folder/explained" "$folder/out" <<'P' || complain 'the terms are not the score that predict prints'
import json, sys
explained = json.load(open(sys.argv[1]))
predicted = json.load(open(sys.argv[2]))["items"][0]["score"]
total = sum(term["share"] for term in explained["terms"])
assert abs(total - explained["score"]) < 1e-3, (total, explained["score"])
assert abs(predicted - explained["score"]) < 1e-3, (predicted, explained["score"])
assert explained["known"] and explained["items"] and abs(explained["items"][0]["share"]) >= abs(explained["items"][-1]["share"])
P

# In the textbook nobody wanted D: it only ends lists, with the score that explain and predict tell.
env -i "$tasted" replay -c /dev/null --snapshot "$folder/t" deploy/examples/textbook.ndjson >/dev/null 2>&1 || complain 'no textbook'
expect 0 out '^not in the user.s list, unless it is short: nobody has wanted it yet' explain U1 D --snapshot "$folder/t"
expect 0 out "^not in the user's list: the user skipped or disliked it" explain U2 D --snapshot "$folder/t"
for command in 'explain U1' 'predict U1 A'; do
  # shellcheck disable=SC2086
  expect 0 out '"score": -0\.0' $command D --json --snapshot "$folder/t"
done
echo '{"item":"C","available":false}' >"$folder/retired"
env -i "$tasted" replay -c /dev/null --items "$folder/retired" --snapshot "$folder/r" deploy/examples/textbook.ndjson >/dev/null 2>&1 || complain 'no textbook without C'
expect 0 out "^not in the user's list: the catalogue has retired it" explain U1 C --snapshot "$folder/r"
expect 0 out '"score": -?[0-9]' predict U1 C --json --snapshot "$folder/r"
exit $bad
