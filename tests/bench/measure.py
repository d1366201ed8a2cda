"""What the stages of tests/bench share: options, the build, pairs measured in turns, the table.

A stage is an executable script tests/bench/STAGE:

    import measure
    stage = measure.Stage("decode", __doc__)
    ours = lambda: measure.program("decode", "ours")["ns"]
    stage.race("msgpack, 6 fields", "ns", ours, {"msgpack_unpack_next": (peer, 4)})
    stage.finish()

Each row tells what was measured, ours and theirs in `unit`, and a ratio that is good at or above its
target. In a race everyone runs once a round, ours first, so that all see the same noise of the
machine; the ratio is the median of the rounds' ratios, and so are ours and theirs. A unit that ends
in "/s" is better when there is more of it, any other when there is less.

A row's counters tell where its time goes: {name: figure}, or such a dict of each round, of which the
medians are kept. They are in the JSON and, those that are plain figures, in a line below the row.

The table goes to stdout, or to stderr where stdout is taken by --json -; progress to stderr.
"""
import argparse
import html
import itertools
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import textwrap
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TASTED_BUILD", ROOT / "build"))
BUILT = "BENCH_BUILT"  # set for the stages that tests/bench/all starts
STAGES = ["learn", "rank", "decode", "ingest", "publish", "latency", "daemon", "growth", "snapshot"]
WHAT, AGAINST = 24, 16  # columns of the table that wrap

PARTS = ["factors", "transitions", "neighbours", "repeats", "ratings", "context", "skips", "tower", "content",
         "history", "last", "popularity", "dislikes", "peers", "interactions"]
NO_PARTS = {f"model.{part}": 0 for part in PARTS}  # names, histories and counts are kept all the same


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- options, programs ----

def parser(name, description):
    """The options every stage takes; add more before parsing."""
    out = argparse.ArgumentParser(prog="tests/bench/" + name, description=description,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("--quick", action="store_true", help="small sizes, few rounds: seconds instead of minutes")
    out.add_argument("--json", metavar="FILE", help="also write the rows as a JSON array; - for stdout")
    out.add_argument("--plots", metavar="DIR", help="also draw the rows as DIR/STAGE.svg")
    out.add_argument("--rounds", type=int, help="of each race; default 5, with --quick 3")
    return out


def build(*targets):
    """Brings the programs up to date, unless somebody just did."""
    if os.environ.get(BUILT):
        return
    if not (BUILD / "CMakeCache.txt").exists():
        subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, stdout=sys.stderr, check=True)
    # Their words are of interest only when something is wrong.
    done = subprocess.run(["cmake", "--build", BUILD, "--target", *targets], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        say(done.stdout)
        sys.exit("tests/bench: the programs do not build")


def bare_environment():
    """TASTED_… is for the benches; the program would take it for settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TASTED")}


def run(command, **more):
    """What a command prints: one JSON object a line."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **{"env": bare_environment(), **more})
    if done.returncode != 0:
        sys.exit("tests/bench: " + " ".join(command) + f": exit {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def run_json(command):
    """What a command prints: one JSON document."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=bare_environment())
    if done.returncode != 0:
        say(done.stderr)
        sys.exit("tests/bench: " + " ".join(command) + f": exit {done.returncode}")
    return json.loads(done.stdout)


def program(name, *arguments):
    """The last line that build/bench/NAME prints."""
    return run([BUILD / "bench" / name, *arguments])[-1]


def tasted():
    return pathlib.Path(os.environ.get("TASTED", BUILD / "tasted"))


# ---- the machine ----

def compiler():
    try:
        for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
            if line.startswith("CMAKE_C_COMPILER:"):
                path = line.split("=", 1)[1]
                return subprocess.run([path, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        pass
    return "unknown"


def cpu_model():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine():
    return {"cpu": cpu_model(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
            "compiler": compiler(), "load": round(os.getloadavg()[0], 1)}


def machine_text():
    it = machine()
    return f"{it['cpu']}, {it['cores']} cores, Linux {it['kernel']}\n{it['compiler']}; load {it['load']}"


# ---- rows ----

def ratio_of(unit, ours, theirs):
    above, below = (ours, theirs) if unit.endswith("/s") else (theirs, ours)
    return above / below if below else None


class Stage:
    def __init__(self, name, description="", options=None):
        self.name, self.rows = name, []
        self.options = options or parser(name, description).parse_args()
        self.quick = self.options.quick
        self.rounds = self.options.rounds or (3 if self.quick else 5)
        build("benches", "tasted")

    def race(self, what, unit, ours, peers, counters=None):
        """ours() and each peer give a figure in `unit`; peers: {name: (callable, target)}.

        ours() may also give (figure, counters of this round).
        """
        mine, others, told = [], {name: [] for name in peers}, []
        for number in range(self.rounds):
            say(f"{self.name}: {what}: round {number + 1} of {self.rounds}")
            figure = ours()
            if isinstance(figure, tuple):
                figure, more = figure
                told.append(more)
            mine.append(figure)
            for name, (theirs, _) in peers.items():
                others[name].append(theirs())
        for name, (_, target) in peers.items():
            self.pairs(what, unit, name, list(zip(mine, others[name])), target, told or counters)

    def pairs(self, what, unit, against, pairs, target, counters=None):
        """The same for pairs (ours, theirs) that were already measured in turns."""
        ratios = [ratio for ratio in (ratio_of(unit, *pair) for pair in pairs) if ratio is not None]
        ours, theirs = (statistics.median(column) for column in zip(*pairs))
        self.add(what, ours, unit, against, theirs, statistics.median(ratios) if ratios else None, target,
                 ratios=[round(ratio, 4) for ratio in ratios], **kept(counters))

    def limit(self, what, unit, ours, against, limit, counters=None):
        """A figure, or some of which the median counts, that must not be above its limit."""
        ours = statistics.median(ours) if isinstance(ours, (list, tuple)) else ours
        self.add(what, ours, unit, against, limit, limit / ours if ours else None, 1, **kept(counters))

    def control(self, what, unit, ours, counters=None):
        """What the machine does by itself, for the row above: nothing that has a target."""
        self.add(what, ours, unit, "control", None, None, None, **kept(counters))

    def missing(self, what, unit, against, how, ours=None, target=None):
        """A peer that cannot be had: `how` says where it would come from."""
        self.add(what, ours, unit, against, None, None, target, note="missing: " + how)

    def add(self, what, ours, unit, against, theirs, ratio, target, **more):
        """more: note, counters, whatever is worth keeping in the JSON."""
        self.rows.append({"stage": self.name, "what": what, "ours": significant(ours), "unit": unit,
                          "against": against, "theirs": significant(theirs), "ratio": significant(ratio),
                          "target": target, **more})

    def finish(self):
        where = self.options.json
        out = sys.stderr if where == "-" else sys.stdout
        if not os.environ.get(BUILT):
            print(machine_text(), file=out)
        print_table(self.name, self.rows, out)
        write_json(where, self.rows)
        if self.options.plots:
            plot(pathlib.Path(self.options.plots), self.name, self.rows)


def median_of(rounds, *names):
    """{name: the rounds' median}"""
    return {name: statistics.median(one[name] for one in rounds) for name in names}


def kept(counters):
    """What of the counters goes into the row."""
    if isinstance(counters, list):
        counters = median_of(counters, *counters[0]) if counters else {}
    figures = {name: significant(it) if isinstance(it, (int, float)) else it for name, it in (counters or {}).items()}
    return {"counters": figures} if figures else {}


def significant(figure):
    """Four digits of it: more would be noise."""
    if figure is None or not math.isfinite(figure) or figure == 0:
        return None if figure is None or not math.isfinite(figure) else 0
    rounded = round(figure, 3 - math.floor(math.log10(abs(figure))))
    return int(rounded) if abs(rounded) >= 1000 else rounded


def write_json(where, rows):
    if where == "-":
        json.dump(rows, sys.stdout, indent=1, ensure_ascii=False)
        print(flush=True)
    elif where:
        pathlib.Path(where).write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


# ---- the table ----

def short(figure):
    if figure is None:
        return "-"
    if abs(figure) >= 1e6:
        return f"{figure / 1e6:.3g}M"
    return f"{figure:.3g}" if abs(figure) < 100 else f"{figure:.0f}"


def falls_short(row):
    return row["ratio"] is not None and row["target"] is not None and row["ratio"] < row["target"]


def print_table(name, rows, out):
    """At most 80 columns; what falls short of its goal is marked, in red on a terminal."""
    colour = out.isatty() and "NO_COLOR" not in os.environ
    form = "{:{}s} {:>8s} {:8s} {:{}s} {:>8s} {:>6s}{:1s}{:>4s}".format
    print("\n" + form(name, WHAT, "ours", "", "against", AGAINST, "theirs", "ratio", "", "goal"), file=out)
    counters = {}
    for row in rows:
        what, against = textwrap.wrap(row["what"], WHAT) or [""], textwrap.wrap(row["against"], AGAINST) or [""]
        mark = "!" if falls_short(row) else ""
        first = form(what[0], WHAT, short(row["ours"]), row["unit"], against[0], AGAINST, short(row["theirs"]),
                     short(row["ratio"]), mark, short(row["target"] and round(row["target"], 2)))
        print(f"\033[31m{first}\033[0m" if colour and mark else first, file=out)
        for left, right in list(itertools.zip_longest(what, against, fillvalue=""))[1:]:
            print(form(left, WHAT, "", "", right, AGAINST, "", "", "", "").rstrip(), file=out)
        for line in textwrap.wrap(row.get("note", ""), 76):
            print("  " + line, file=out)
        # Once, where several rows share them.
        counters, before = row.get("counters", {}), counters
        if counters != before:
            for line in textwrap.wrap(counters_text(counters), 76, break_on_hyphens=False):
                print("  " + line.replace("\xa0", " "), file=out)
    out.flush()


def counters_text(counters):
    """The plain figures: "rank_us 21.2, lists_per_event 0.097", a name and its figure on one line."""
    return ", ".join(f"{name}\xa0{short(it)}" for name, it in counters.items() if isinstance(it, (int, float)))


# ---- the plot: one bar a row, as long as the ratio, a line at the target ----

def plot(folder, name, rows):
    """Drawn here, not by a library: it is bars, and so that it needs nothing installed."""
    rows = [row for row in rows if row["ratio"] is not None]
    if not rows:
        return
    left, width, step, top = 330, 420, 34, 44
    # Ratios of very different size share the picture: its scale is logarithmic.
    ends = [row[key] for row in rows for key in ("ratio", "target") if row[key]]
    low, high = min(ends + [.5]) / 1.3, max(ends + [1.]) * 1.3
    at = lambda ratio: left + width * math.log(max(ratio, low) / low) / math.log(high / low)
    height = top + step * len(rows) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{height}" '
           f'font-family="sans-serif" font-size="12">',
           f'<rect width="100%" height="100%" fill="#fff"/>',
           f'<text x="8" y="20" font-size="15">{html.escape(name)}: ratio to peer, floor or limit '
           f'(logarithmic; mark: target)</text>']
    for number, row in enumerate(rows):
        y = top + step * number
        fill = "#c0392b" if falls_short(row) else "#2e7d6b"
        out.append(f'<text x="8" y="{y + 10}">{html.escape(row["what"])}</text>')
        out.append(f'<text x="8" y="{y + 24}" fill="#777">{short(row["ours"])} {html.escape(row["unit"])}; '
                   f'{html.escape(row["against"])}: {short(row["theirs"])}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{at(row["ratio"]) - left:.1f}" height="18" fill="{fill}"/>')
        out.append(f'<text x="{at(row["ratio"]) + 4:.1f}" y="{y + 14}">{short(row["ratio"])}</text>')
        if row["target"]:
            x = at(row["target"])
            out.append(f'<path d="M{x:.1f} {y - 4}v26" stroke="#222" stroke-width="2"/>')
    out.append(f'<text x="8" y="{height - 10}" fill="#777">{html.escape(machine_text().splitlines()[0])}</text>')
    out.append("</svg>")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / (name + ".svg")).write_text("\n".join(out) + "\n")


# ---- all of them ----

def every_stage(options):
    """Runs the stages that are there; gives their rows, and the names of those that failed."""
    import tempfile
    build("benches", "tasted")
    out = sys.stderr if options.json == "-" else sys.stdout
    print(machine_text(), file=out, flush=True)
    rows, failed = [], []
    for name in STAGES:
        script = pathlib.Path(__file__).with_name(name)
        if not script.exists() or (options.stages and name not in options.stages):
            continue
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [script, "--json", file.name] + (["--quick"] if options.quick else [])
            command += ["--plots", options.plots] if options.plots else []
            command += ["--rounds", str(options.rounds)] if options.rounds else []
            begun = time.monotonic()
            done = subprocess.run(command, stdout=out, env={**os.environ, BUILT: "1"})
            say(f"{name}: {time.monotonic() - begun:.0f} s")
            try:
                rows += json.load(file)
            except ValueError:
                done.returncode = done.returncode or 1
        if done.returncode != 0:
            say(f"tests/bench/{name} failed: exit {done.returncode}")
            failed.append(name)
    return rows, failed
