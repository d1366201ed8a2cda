#!/usr/bin/env bash
# snapshot diff and export: what differs is told; what is exported is what scores are made of, in
# NDJSON and in NumPy files alike.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
complain() { echo "snapshot tools: $1"; bad=1; }

awk 'BEGIN { srand(5); print "timestamp\tuser\titem\tevent\tvalue"
  for (n = 0; n < 4000; n++)
    printf "%d\tü%d\ti%d\tplay\t\n", 1e9 + 60 * n, rand() * 30, n / 40 + rand() * 30 }' >"$folder/long.tsv"
head -3001 "$folder/long.tsv" >"$folder/short.tsv"
items_of() { tail -n +2 "$1" | cut -f3 | sort -u | wc -l; }
short=$(items_of "$folder/short.tsv") long=$(items_of "$folder/long.tsv")
learn() { env -i "$tasted" replay -c /dev/null --snapshot "$@" >/dev/null 2>&1 || complain "no snapshot $1"; }
learn "$folder/a" "$folder/short.tsv"
learn "$folder/b" "$folder/long.tsv"
learn "$folder/c" "$folder/short.tsv" --set model.dim=32 --set signals.play=2

expect() { # CODE STREAM PATTERN WORDS…
  local code=$1 stream=$2 pattern=$3; shift 3
  env -i "$tasted" snapshot "$@" >"$folder/out" 2>"$folder/err"
  local got=$?
  [ $got = "$code" ] || complain "$*: exit $got, not $code"
  grep -qE -- "$pattern" "$folder/$stream" || complain "$*: no /$pattern/ on std$stream: $(cat "$folder/$stream")"
}

# ---- diff ----
expect 0 out "only in .*/b: $((long - short)): " diff "$folder/a" "$folder/b"
expect 0 out 'the same in both' diff "$folder/a" "$folder/a"
expect 0 out '^settings +model.dim, signals.play$' diff "$folder/a" "$folder/c"
expect 0 out 'same' diff --json "$folder/a" "$folder/b" && cp "$folder/out" "$folder/ab"
expect 0 out 'same' diff --json "$folder/a" "$folder/a" && cp "$folder/out" "$folder/aa"
python3 - "$folder/ab" "$folder/aa" "$short" "$long" <<'P' || complain 'the diff'
import json, sys
ab, aa = (json.load(open(path)) for path in sys.argv[1:3])
short, long = int(sys.argv[3]), int(sys.argv[4])
assert ab["events"] == [3000, 4000] and not ab["same"] and aa["same"]
assert ab["items"]["only"] == [0, long - short] and ab["items"]["both"] == short, ab["items"]
assert ab["users"]["only"] == [0, 0] and ab["users"]["both"] == 30
moved = [m["distance"] for m in ab["items"]["moved"]]
assert len(moved) == 5 and moved == sorted(moved, reverse=True) and moved[-1] > ab["items"]["mean_distance"] > 0
assert aa["items"]["mean_distance"] == 0 and aa["users"]["mean_distance"] == 0 and aa["lists_overlap"] == 1
assert aa["lists"] == 30 and 0 <= ab["lists_overlap"] < 1
P

# ---- export ----
expect 0 out '"item":"i1"' export "$folder/a" --vectors - && cp "$folder/out" "$folder/lines"
env -i "$tasted" snapshot export "$folder/a" --vectors "$folder/numpy/" || complain 'no NumPy files'
env -i "$tasted" explain ü3 i90 --json --snapshot "$folder/a" >"$folder/explained"
python3 - "$folder" "$short" <<'P' || complain 'the export'
import ast, json, struct, sys
folder = sys.argv[1]
rows = [json.loads(line) for line in open(folder + "/lines")]
items = {row["item"]: row for row in rows if "item" in row}
users = {row["user"]: row for row in rows if "user" in row}
assert len(items) == int(sys.argv[2]) and len(users) == 30, (len(items), len(users))

def load(name):
    data = open(f"{folder}/numpy/{name}.npy", "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    size = struct.unpack("<H", data[8:10])[0]
    assert (10 + size) % 64 == 0
    header = ast.literal_eval(data[10 : 10 + size].decode())
    body, shape, kind = data[10 + size :], header["shape"], header["descr"]
    if kind.startswith("<U"):
        wide = 4 * int(kind[2:])
        assert len(body) == shape[0] * wide
        return [body[n * wide : (n + 1) * wide].decode("utf-32-le").rstrip("\0") for n in range(shape[0])]
    flat = struct.unpack(f"<{len(body) // 4}f", body)
    wide = shape[1] if len(shape) > 1 else 1
    assert len(flat) == shape[0] * wide
    return [flat[n * wide : (n + 1) * wide] for n in range(shape[0])]

near = lambda a, b: all(abs(x - y) <= 1e-6 + 1e-5 * abs(y) for x, y in zip(a, b)) and len(a) == len(b)
assert load("item_ids") == list(items) and load("user_ids") == list(users)
for got, row in zip(load("items"), items.values()): assert near(got, row["vector"])
for got, row in zip(load("users"), users.values()): assert near(got, row["vector"])
for got, row in zip(load("item_bias"), items.values()): assert near(got, [row["bias"]])
assert sum(row["wanted"] for row in items.values()) == 3000 == sum(row["wanted"] for row in users.values())

explained = json.load(open(folder + "/explained"))
bias = next(t for t in explained["terms"] if t["term"] == "the item's bias")
of_factors = sum(t["value"] for t in explained["terms"] if t["weight"] == bias["weight"])
product = sum(x * q for x, q in zip(users["ü3"]["vector"], items["i90"]["vector"])) + items["i90"]["bias"]
assert abs(product - of_factors) < 1e-4, (product, of_factors)
P

expect 64 err 'two FILEs' diff "$folder/a"
expect 64 err 'one FILE, and not' info "$folder/a" "$folder/b"
expect 0 out '"item":"i1"' export "$folder/a"; cmp -s "$folder/out" "$folder/lines" || complain 'export says less'
env -i "$tasted" snapshot export "$folder/a" "$folder/to"; cmp -s "$folder/to" "$folder/lines" || complain 'export to a file'
expect 64 err 'to where' export "$folder/a" "$folder/to" --vectors "$folder/also"
expect 0 out '"whole": true' verify --json "$folder/a"
expect 64 err '--vectors is of export, not of info' info "$folder/a" --vectors "$folder/also"
expect 65 err 'none' diff "$folder/a" "$folder/none"
expect 64 err 'would overwrite the snapshot' export "$folder/a" "$folder/./a"
expect 73 err 'no/such' export "$folder/a" --vectors "$folder/no/such/file"
expect 73 err 'no/such' export "$folder/a" --vectors "$folder/no/such/"

# On a full disk nothing is left that is not whole.
for to in full numpy_full/; do
  (ulimit -f 8; env -i "$tasted" snapshot export "$folder/a" "$folder/$to" 2>"$folder/err")
  [ $? = 73 ] || complain "a full disk ($to): $(cat "$folder/err")"
done
[ ! -e "$folder/full" ] || complain 'half an export was left'
find "$folder/numpy_full" -name '*.npy' -size +7k | grep . && complain 'half an array was left'
(ulimit -f 8; env -i "$tasted" replay -c /dev/null "$folder/short.tsv" --snapshot "$folder/full" >/dev/null 2>"$folder/err")
[ $? = 73 ] || complain "a full disk (replay): $(cat "$folder/err")"
[ ! -e "$folder/full" ] || complain 'half a snapshot was left'
exit $bad
