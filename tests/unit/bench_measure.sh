#!/usr/bin/env bash
# tests/bench/measure.py: what counts as better, medians of rounds, peers that are missing, the table.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../bench" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BENCH_BUILT=1 PYTHONDONTWRITEBYTECODE=1
python3 - "$work" >"$work/table" <<'PYTHON' || exit 1
import json, sys
import measure

folder = sys.argv[1]
options = measure.parser("decode", "").parse_args(["--rounds", "3", "--json", folder + "/rows", "--plots", folder])
stage = measure.Stage("decode", options=options)
turns = []
ours = iter([10, 40, 20])
theirs = iter([20, 40, 80])

def take(name, figures):
    turns.append(name)
    return next(figures)

tasks = iter([{"near_ns": 4, "queued_ns": 1}, {"near_ns": 6, "queued_ns": 3}, {"near_ns": 5, "queued_ns": 2}])
stage.race("less is better", "ns", lambda: (take("o", ours), next(tasks)), {"a peer with a name too long": (lambda: take("t", theirs), 2)})
stage.pairs("more is better", "events/s", "a floor", [(50, 100), (60, 100), (90, 100)], .8)
stage.limit("event to list, p99", "ms", [5, 50, 10], "a limit", 20, {"saves": [1, 2], "MB": 1234.5678})
stage.missing("another", "ns", "somebody", "apt-get install somebody", ours=3, target=5)
stage.finish()
assert "".join(turns) == "ototot", turns

rows = json.load(open(folder + "/rows"))
less, more, limit, missing = rows
for row in rows:
    assert {"stage", "what", "ours", "unit", "against", "theirs", "ratio", "target"} <= set(row), row
# The ratios are 2, 1 and 4.
assert less["ratio"] == 2 and less["ours"] == 20 and less["theirs"] == 40, less
assert less["counters"] == {"near_ns": 5, "queued_ns": 2} and "counters" not in more, (less, more)
assert limit["counters"] == {"saves": [1, 2], "MB": 1235}, limit
assert more["ratio"] == .6 and measure.falls_short(more), more
assert limit["ratio"] == 2 and not measure.falls_short(limit), limit
assert missing["theirs"] is None and missing["ratio"] is None and not measure.falls_short(missing), missing
assert "apt-get install somebody" in missing["note"], missing
assert measure.significant(.123456) == .1235
assert measure.significant(float("inf")) is None
PYTHON
awk 'length($0) > 80 { print "too wide: " $0; exit 1 }' "$work/table" || exit 1
grep -q '0.6!' "$work/table" || { echo "what falls short is not marked"; cat "$work/table"; exit 1; }
grep -qx '  near_ns 5, queued_ns 2' "$work/table" || { echo "no counters"; cat "$work/table"; exit 1; }
grep -q '<svg' "$work/decode.svg" || { echo "no plot"; exit 1; }
