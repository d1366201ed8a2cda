"""Real servers for the stages that need them, and what the daemon tells while it catches up.

    with live.servers() as (kafka, redis): …

Apache Kafka and Redis as the system tests start them (tests/system): on loopback, in a temporary
folder, gone at the end. live.absent is what to install where they cannot be had.
"""
import contextlib
import pathlib
import sys
import tempfile
import time

import measure

sys.path.insert(0, str(measure.ROOT / "tests" / "system"))
absent = None
try:
    import daemon
    import servers as system
except ImportError as why:
    absent = f"{why}: apt-get install python3-confluent-kafka python3-redis redis-server default-jre-headless"

# What the daemon is told so that nothing but the stage at hand takes time.
QUIET = {"snapshot.interval": "1d", "log.level": "warning"}


class NO_REDIS:
    """Out of reach: nothing is ranked or written then."""
    url = "unix:///nonexistent/redis.sock"


@contextlib.contextmanager
def servers():
    """(kafka, redis), or (None, None) after setting live.absent."""
    global absent
    if absent:
        yield None, None
        return
    with tempfile.TemporaryDirectory(prefix="tasted-bench-") as folder:
        folder, started = pathlib.Path(folder), []
        try:
            try:
                redis = system.Redis(folder / "redis").start()
                started.append(redis.stop)
                kafka = system.Kafka(folder / "kafka").start()
                started.append(kafka.end)
            except system.Unavailable as why:
                absent = f"{why}: tests/system/fetch-kafka, apt-get install redis-server default-jre-headless"
                kafka = redis = None
            yield kafka, redis
        finally:
            for end in reversed(started):
                end()


@contextlib.contextmanager
def tasted(kafka, redis, topic, settings):
    """A daemon that reads the topic from its beginning; a folder of its own each time."""
    with tempfile.TemporaryDirectory(prefix="tasted-bench-") as folder:
        it = daemon.Tasted(measure.tasted(), pathlib.Path(folder) / "it", kafka, redis, topic)
        it.configure({"model.threads": None, "lists.refresh": None, **QUIET, **settings})
        it.start(ready=False)
        try:
            system.wait_until(lambda: it.get("/health/live")[0] == 200 or it.process.poll() is not None,
                              "tasted answers", every=.005)
            if it.process.poll() is not None:
                sys.exit(f"tests/bench: tasted ended by itself\n{it.log_tail()}")
            yield it
        finally:
            it.kill()


def look(it):
    """Its metrics, and of its threads ("main", "ranking", "librdkafka") the CPU time so far, and the time that
    they would have run but had to wait for a processor: bench_cpu_seconds, bench_queued_seconds{thread=…}."""
    metrics = it.metrics()
    for task in pathlib.Path(f"/proc/{it.process.pid}/task").iterdir():
        try:
            name, (ran, queued) = (task / "comm").read_text(), (task / "schedstat").read_text().split()[:2]
        except (OSError, ValueError):
            continue  # it has just ended
        kind = "main" if task.name == str(it.process.pid) else "ranking" if name.strip() == "tasted" else "librdkafka"
        for what, spent_ns in ("cpu", ran), ("queued", queued):
            key = f'bench_{what}_seconds{{thread="{kind}"}}'
            metrics[key] = metrics.get(key, 0) + int(spent_ns) / 1e9
    return metrics


def spent(first, last, name, **labels):
    """How much the metric has grown between two looks."""
    return last.sum(name, **labels) - first.sum(name, **labels)


def thread_counters(first, last, count):
    """Of `count` events between two looks: what the threads worked for one, in us, and main waited for a processor."""
    us = lambda what, thread: spent(first, last, f"bench_{what}_seconds", thread=thread) / count * 1e6
    return {"main_us": us("cpu", "main"), "librdkafka_us": us("cpu", "librdkafka"), "queued_us": us("queued", "main")}


def accepted(metrics):
    return metrics.sum("tasted_events_total", result="accepted")


def ignored(metrics):
    return metrics.sum("tasted_events_total", result="ignored")


def catch_up(it, count, every=.025, timeout=300, counted=accepted):
    """Events a second in the second half of `count`, but for the last tenth, and a look at both ends."""
    samples, deadline = [], time.monotonic() + timeout
    while time.monotonic() < deadline:
        before = time.monotonic()
        metrics = look(it)
        if counted(metrics) > count / 2:
            samples.append(((before + time.monotonic()) / 2, metrics))
        if counted(metrics) >= count * .9:
            break
        time.sleep(every)
    if len(samples) < 3:
        sys.exit(f"tests/bench: {count} events are too few to measure")
    (begun, first), (ended, last) = samples[0], samples[-1]
    return (counted(last) - counted(first)) / (ended - begun), first, last
