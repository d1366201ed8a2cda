"""The learners that tasted is measured against: how to get them, and what an update costs each.

They live in a virtual environment of their own, ${XDG_CACHE_HOME:-~/.cache}/tasted-bench/peers, and are
installed when they are first asked for. Run there, this file is one measurement:

    peers.py NAME PAIRS USERS ITEMS QUICK     (QUICK: 0 or 1, with a third of the pairs)

PAIRS: (user, item) as uint32, as `build/bench/learn --pairs` writes them. {"ns": CPU time of an
update}. Each is asked for few passes over the pairs and then for some more; an update's cost is the
difference by the updates of those, so that reading, sorting and first vectors do not count.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

HOME = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tasted-bench"
VENV = HOME / "peers"
DIM = 64
# The package, its module, and how many of the pairs are enough for it.
PEERS = {"LIBMF row-BPR": ("libmf", "libmf.mf", 1_000_000), "implicit BPR": ("implicit", "implicit", 500_000),
         "LightFM BPR": ("lightfm-next", "lightfm", 200_000), "VW --rank 64": ("vowpalwabbit", "vowpalwabbit", 100_000)}
# LIBMF's package is built without its vector code unless it is told; the others ship theirs.
FLAGS = {"CFLAGS": "-O3 -march=native -DUSEAVX", "CXXFLAGS": "-O3 -march=native -DUSEAVX"}


# ---- getting them ----

def call(command, **more):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, **more).returncode == 0


def python():
    return VENV / "bin" / "python"


def has(name):
    """Whether the peer can be had; installs it."""
    package, module, _ = PEERS[name]
    if not python().exists():
        print(f"learn: peers go to {VENV}", file=sys.stderr, flush=True)
        if not call([sys.executable, "-m", "venv", VENV]):
            return False
        call([python(), "-m", "pip", "install", "-q", "numpy", "scipy", "setuptools"], timeout=300)
    if call([python(), "-c", f"import {module}"]):
        return True
    print(f"learn: installing {package}", file=sys.stderr, flush=True)
    own = ["--no-binary", package] if package == "libmf" else []
    command = [python(), "-m", "pip", "install", "-q", *own, package]
    try:
        return call(command, env={**os.environ, **FLAGS}, timeout=300) and call([python(), "-c", f"import {module}"])
    except subprocess.TimeoutExpired:
        return False


def how(name):
    return f"python3 -m pip install {PEERS[name][0]}, into {VENV}"


def measure(name, pairs, users, items, quick):
    """ns an update, or None."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [python(), __file__, name, pairs, users, items, int(quick)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        sys.exit(f"tests/bench/learn: {name}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(lines[-1])["ns"]


# ---- measuring them ----

def more_passes(fit, few, many, updates):
    begun = time.process_time()
    fit(few)
    between = time.process_time()
    fit(many)
    return (time.process_time() - between - (between - begun)) / ((many - few) * updates) * 1e9


def matrix(users, items, shape):
    import numpy
    import scipy.sparse
    ones = numpy.ones(len(users), dtype=numpy.float32)
    found = scipy.sparse.coo_matrix((ones, (users, items)), shape=shape).tocsr()
    found.data[:] = 1
    return found


def libmf(users, items, shape):
    import numpy
    from libmf import mf
    rows = numpy.column_stack([users, items, numpy.ones(len(users))])
    fit = lambda passes: mf.MF(fun=mf.P_ROW_BPR_MFOC, k=DIM, nr_threads=1, nr_bins=26, nr_iters=passes, quiet=True,
                               lambda_p1=0, lambda_q1=0, lambda_p2=.01, lambda_q2=.01, eta=.05).fit(rows)
    return more_passes(fit, 1, 7, len(users))


def implicit(users, items, shape):
    from implicit.cpu.bpr import BayesianPersonalizedRanking
    data = matrix(users, items, shape)
    fit = lambda passes: BayesianPersonalizedRanking(factors=DIM, iterations=passes, num_threads=1).fit(
        data, show_progress=False)
    return more_passes(fit, 1, 5, data.nnz)


def lightfm(users, items, shape):
    from lightfm import LightFM
    data = matrix(users, items, shape)
    model = LightFM(no_components=DIM, loss="bpr")
    model.fit_partial(data, epochs=1, num_threads=1)
    begun = time.process_time()
    model.fit_partial(data, epochs=2, num_threads=1)
    return (time.process_time() - begun) / (2 * data.nnz) * 1e9


def wabbit(users, items, shape):
    import tempfile
    import vowpalwabbit
    with tempfile.TemporaryDirectory() as folder:
        lines = pathlib.Path(folder) / "events"
        lines.write_text("".join(f"1 |u {user} |i {item}\n" for user, item in zip(users, items)))
        # The first pass also writes the cache that the others read.
        fit = lambda passes: vowpalwabbit.Workspace(
            f"-d {lines} --cache_file {lines}.cache --rank {DIM} -q ui -b 18 --passes {passes} --holdout_off "
            "--quiet", enable_logging=False).finish()
        fit(1)
        return more_passes(fit, 1, 3, len(users))


def main(name, pairs, users, items, quick):
    import numpy
    enough = PEERS[name][2] // (3 if quick == "1" else 1)
    found = numpy.fromfile(pairs, dtype=numpy.uint32).reshape(-1, 2)[:enough].astype(numpy.int64)
    by_package = {"libmf": libmf, "implicit": implicit, "lightfm-next": lightfm, "vowpalwabbit": wabbit}
    ns = by_package[PEERS[name][0]](found[:, 0], found[:, 1], (int(users), int(items)))
    print()
    print(json.dumps({"ns": round(ns, 2)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
