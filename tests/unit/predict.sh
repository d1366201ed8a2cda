#!/usr/bin/env bash
# tasted predict, on the textbook's matrix of deploy/examples: seven ratings, five unknown cells.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
run() { # the exit code goes to $code, what it says to $out and $err
  out=$("$tasted" "$@" 2>"$folder/err"); code=$?
  err=$(<"$folder/err")
}
check() { # what was expected, and a test of it
  local what=$1; shift
  "$@" || { echo "predict.sh: $what: code $code, out: $out, err: $err"; bad=1; }
}
has() { [[ $1 == *"$2"* ]]; }
matches() { [[ $1 =~ $2 ]]; }

run replay deploy/examples/textbook.ndjson --snapshot "$folder/textbook"
check "learns the example" [ "$code" = 0 ]
run predict --matrix --snapshot "$folder/textbook"
check "matrix: 0" [ "$code" = 0 ]
check "known ones plain, predicted ones marked" matches "$out" $'^ +A +B +C +D\nU1 +5 +4 +~[0-9.]+ +~[0-9.]+\nU2 +3 +~[0-9.]+ +4 +2\nU3 +~[0-9.]+ +5 +5 +~[0-9.]+\n'
cells=$(tr ' ' '\n' <<<"$out" | sed -n 's/^~\([0-9]\)/\1/p')
# What README shows is what the program says.
shown() { while IFS= read -r line; do grep -qxF -- "    $line" README.md || return 1; done < <(grep .); }
check "README shows the matrix" shown <<<"$out"
check "README shows the list" shown < <("$tasted" top U1 --snapshot "$folder/textbook" 2>/dev/null)
check "five cells" [ "$(wc -l <<<"$cells")" = 5 ]
check "within the scale" awk '$1 < 0.5 || $1 > 5 {exit 1}' <<<"$cells"
check "U1's C above U1's D" awk '$1 == "U1" {gsub("~", ""); exit !($4 > $5)}' <<<"$out"
check "U2's B above what U2 rated low" awk '$1 == "U2" {gsub("~", ""); exit !($3 > $2 && $3 > $5)}' <<<"$out"
check "U3's A above U3's D" awk '$1 == "U3" {gsub("~", ""); exit !($2 > $5)}' <<<"$out"
run predict --matrix --json --snapshot "$folder/textbook"
check "matrix as JSON" has "$out" '"users": ["U1", "U2", "U3"], "items": ["A", "B", "C", "D"], "known": [[5.0, 4.0, null, null], [3.0, null, 4.0, 2.0], [null, 5.0, 5.0, null]], "predicted": [['
for list in "U1 C" "U2 B" "U3 A"; do
  run top "${list% *}" -n 1 --json --snapshot "$folder/textbook"
  check "the list of ${list% *}" has "$out" "\"items\": [\"${list#* }\"]"
done
run top U1 --json --snapshot "$folder/textbook"
check "U1's whole list: C, and D that nobody wanted yet" has "$out" '"items": ["C", "D"]'
for list in "U2 B" "U3 A"; do
  run top "${list% *}" --json --snapshot "$folder/textbook"
  check "${list% *}'s list has nothing they had" matches "$out" "\"items\": \[\"${list#* }\"(, \"D\")?\]"
done

run predict U1 A C --snapshot "$folder/textbook"
check "a user and items: 0" [ "$code" = 0 ]
check "the known rating" matches "$out" $'\nA +5 +~[0-9.]+ +-?[0-9.]+\n'
check "the unknown one" matches "$out" $'\nC +- +~[0-9.]+ +-?[0-9.]+$'
run predict U1 A --json --snapshot "$folder/textbook"
check "as JSON" matches "$out" '"user": "U1", .*"item": "A", "known": true, "rated": 5.0, "rating": [0-9.]+, "score": -?[0-9.]+'
run predict U9 Z --json --snapshot "$folder/textbook"
check "unknown ones get the average" matches "$out" '"known": false, "rated": null, "rating": [0-9.]+, "score": null'
check "and are told" has "$err" "U9 is not known"

echo '{"user":1,"item":2,"event":"click","ts":1700000000000}' >"$folder/click.ndjson"
run replay "$folder/click.ndjson" --snapshot "$folder/click" --evaluate --report -
check "no ratings, no rmse" has "$out" '"rmse": null'
run predict 1 2 --json --snapshot "$folder/click"
check "no ratings, only scores" matches "$out" '"rating": null, "score": -?[0-9.]+'
check "which is said" has "$err" "no rating was ever learned"
run predict --matrix --snapshot "$folder/click"
check "no ratings, no matrix: 65" [ "$code" = 65 ]

for n in $(seq 21); do
  echo "{\"user\":\"u$((n % 3))\",\"item\":\"a rather long name $n\",\"event\":\"rating\",\"value\":$((n % 5 + 1)),\"ts\":$((1700000000000 + n))}"
done >"$folder/many.ndjson"
run replay "$folder/many.ndjson" --snapshot "$folder/many" --evaluate --report -
check "rmse" matches "$out" '"rmse": [0-9.]+'
check "rmse of the baselines" matches "$out" '"mean": \{[^}]*"rmse": [0-9.]+[^}]*\},[^}]*"biased_mf": \{[^}]*"rmse": [0-9.]+'
run predict --matrix --snapshot "$folder/many"
check "too large: 64" [ "$code" = 64 ]
check "says how large it may be" has "$err" "at most 50 and 20"
head -n 20 "$folder/many.ndjson" >"$folder/twenty.ndjson"
run replay "$folder/twenty.ndjson" --snapshot "$folder/twenty"
run predict --matrix --snapshot "$folder/twenty"
check "twenty items: 0" [ "$code" = 0 ]
check "in 80 columns" awk '{gsub("…", "."); if (length($0) > 80) exit 1}' <<<"$out"
for misuse in "" "U1" "--matrix U1" "--nothing U1 A"; do
  # shellcheck disable=SC2086
  run predict $misuse --snapshot "$folder/textbook"
  check "misuse '$misuse': 64" [ "$code" = 64 ]
done
run predict U1 A; check "without a model: 64" [ "$code" = 64 ]
run predict U1 A --snapshot "$folder/none"; check "no such snapshot: 65" [ "$code" = 65 ]
exit $bad
