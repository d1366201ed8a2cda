#!/usr/bin/env bash
# replay --html: one page that holds all it needs, with the report as it is in --report; nothing in
# the data can break out of its place.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
complain() { echo "replay --html: $1"; bad=1; }

awk 'BEGIN { srand(3); print "timestamp\tuser\titem\tevent\tvalue"
  for (n = 0; n < 3000; n++)
    printf "%d\tu%d\ti%d\t%s\t\n", 1e9 + 60 * n, rand() * 40, rand() * rand() * 200, n % 3 ? (n % 7 ? "play" : "skip") : "</script><b>" }' \
  >"$folder/events.tsv"
replay() {
  env -i "$tasted" replay -c /dev/null --set 'signals.</script><b>=1' --evaluate --warmup .2 "$@" "$folder/events.tsv" \
    >"$folder/out" 2>"$folder/err" || complain "$*: $(cat "$folder/err")"
}

check_page() {
  python3 - "$folder/page.html" "$folder/report.json" <<'P' || complain "the page $1"
import html.parser, json, re, sys
page = open(sys.argv[1]).read()
report = json.load(open(sys.argv[2]))

class Reader(html.parser.HTMLParser):
    scripts, tags, text, comments, here = [], [], "", "", ""
    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.here = tag
        if tag == "script":
            self.scripts.append("")
    def handle_data(self, data):
        if self.here == "script":
            self.scripts[-1] += data
        else:
            self.text += data
    def handle_endtag(self, tag):
        self.here = ""
    def handle_comment(self, data):
        self.comments += data

reader = Reader()
reader.feed(page)
wrong = [tag for tag, a in reader.tags if a.get("src") or a.get("href")]
assert not wrong, f"refers to other files: {wrong}"
assert not re.search(r"url\(|@import", page.split("</style>")[0]), "the style refers to other files"
assert "b" not in [tag for tag, _ in reader.tags], "data became mark-up"
assert len(reader.scripts) == 3, f"{len(reader.scripts)} scripts"
inside = json.loads(reader.scripts[0])
def near(a, b):
    if isinstance(a, dict): return a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if isinstance(a, list): return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, float): return abs(a - b) <= 1e-4 * abs(b) + 1e-6
    return a == b
assert near(inside, report), "the page's report is not the report"
assert "Chart.js" in reader.scripts[1][:400] and "Permission is hereby granted" in reader.comments, "no library, or no licence"
assert "@" not in reader.text.replace("Recall@k", "").replace("NDCG@10", "").replace("@media", ""), "a marker was left"
one = (report.get("variants") or [report])[0]
assert "</script><b>" in one["by_signal"], "the odd signal was not scored"
lists = one["lists"]
assert 0 < lists["listed"]["coverage"] <= 1 and 0 <= lists["listed"]["gini"] < 1 and lists["taken"] > 0
aucs = [part["skip_auc"] for part in one["series"]]
assert 0 <= one["skip_auc"] <= 1 and aucs[0] is None, "skip_auc: none in the warm-up"
assert any(auc is not None for auc in aucs[10:]) and all(auc is None or 0 <= auc <= 1 for auc in aucs)
assert len(one["series"]) == 50 and all(part["seconds"] >= 0 for part in one["series"])
for of in "learn_seconds", "rank_seconds":
    parts = [part[of] for part in one["series"]]
    assert min(parts) >= 0 and abs(sum(parts) / one[of] - 1) < .05, f"{of}: the parts are not the whole"
P
}
replay --report "$folder/report.json" --html "$folder/page.html"
check_page 'of one model'
replay --report "$folder/report.json" --html "$folder/page.html" --try model.dim=32,48
check_page 'of variants'

env -i "$tasted" replay -c /dev/null --html "$folder/no/such/folder.html" "$folder/events.tsv" >/dev/null 2>&1
[ $? = 73 ] || complain 'a page that cannot be written: not exit 73'
# Without --evaluate there is still a page.
env -i "$tasted" replay -c /dev/null --html "$folder/page.html" "$folder/events.tsv" >/dev/null 2>&1 &&
  grep -q '"evaluated": *null' "$folder/page.html" || complain 'no page without --evaluate'
exit $bad
