"""faiss as a peer of tests/bench/rank: the flat index, users in batches of 64, one thread.

    rank_faiss.py items.f32 users.f32 dim size

One JSON object: microseconds of CPU a user, and the BLAS it computes with.
"""
import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import faiss  # noqa: E402
import numpy  # noqa: E402

BATCH = 64


def main(items, users, dim, size):
    faiss.omp_set_num_threads(1)
    items, users = (numpy.fromfile(path, numpy.float32).reshape(-1, int(dim)) for path in (items, users))
    users = users[:max(len(users) // BATCH * BATCH, BATCH)]
    index = faiss.IndexFlatIP(int(dim))
    index.add(items)
    index.search(users[:BATCH], int(size))
    began = time.process_time()
    for n in range(0, len(users), BATCH):
        index.search(users[n:n + BATCH], int(size))
    spent = time.process_time() - began
    blas = "openblas" if "openblas" in open("/proc/self/maps").read() else "other"
    print(json.dumps({"us": spent * 1e6 / len(users), "blas": blas}))


if __name__ == "__main__":
    main(*sys.argv[1:])
