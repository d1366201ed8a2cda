"""What systemd, Prometheus and whoever operates it see."""

import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest

from events import event, as_json, keyed, stream
from servers import PATIENCE_S, spawn, wait_until

NAMES = {  # CONTRACT: HTTP
    "tasted_events_total", "tasted_dead_letters_total", "tasted_consumer_lag_records",
    "tasted_event_to_list_seconds_bucket", "tasted_event_to_list_seconds_sum",
    "tasted_event_to_list_seconds_count", "tasted_lists_published_total", "tasted_lists_waiting",
    "tasted_users", "tasted_items", "tasted_evictions_total",
    "tasted_snapshot_last_success_timestamp_seconds", "tasted_redis_connected",
    "tasted_prequential_recall_ratio", "tasted_prequential_lift_ratio", "tasted_build_info",
}
FAMILIES = {"tasted_learn_seconds", "tasted_rank_seconds", "tasted_snapshot_seconds"}


@pytest.mark.quick
def test_all_metrics_are_there_and_well_formed(tasted):
    tasted.kafka.produce(tasted.topic, [b"bad", *[value for _, value in keyed(stream(300))]])
    tasted.start()
    tasted.wait_learned(300)
    tasted.wait_published()
    tasted.kafka.produce(tasted.topic, keyed(stream(50, seed=2)))
    tasted.wait_learned(350)
    figures = tasted.metrics()
    assert not NAMES - figures.names()
    for family in FAMILIES:
        assert any(name.startswith(family) for name in figures.names()), family
    assert figures.sum("tasted_events_total", event="play", result="accepted") > 0
    assert figures.sum("tasted_dead_letters_total", reason="undecodable") == 1
    assert figures.sum("tasted_users") == 40
    assert figures.sum("tasted_lists_published_total") >= 40
    assert figures.sum("tasted_event_to_list_seconds_count") >= 40
    assert figures.sum("tasted_redis_connected") == 1
    assert figures.sum("tasted_build_info") == 1


@pytest.mark.quick
def test_metrics_are_prometheus_text(tasted):
    tasted.kafka.produce(tasted.topic, [as_json(event("secret-user", "secret-item"))])
    tasted.start()
    tasted.wait_learned(1)
    with urllib.request.urlopen(f"http://{tasted.http}/metrics", timeout=PATIENCE_S) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.read().decode()
    assert "secret" not in text
    assert text.endswith("\n")
    types, seen, last = {}, set(), None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is declared twice"
            types[name] = kind
        elif line.startswith("# HELP "):
            assert len(line.split(" ", 3)) == 4
        elif line:
            sample = re.fullmatch(
                r'(tasted_[a-z0-9_]+)(\{(?:[a-z_]+="[^"\n]*",?)*\})? (\S+)', line)
            assert sample, line
            float(sample.group(3))
            name = sample.group(1)
            family = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
            assert family in types, f"{name} has no TYPE"
            assert (types[family] == "counter") == family.endswith("_total"), family
            assert family == last or family not in seen, f"{family} is torn apart"
            seen.add(family)
            last = family


@pytest.mark.quick
def test_http_is_read_only_and_small(tasted):
    tasted.start()
    status, page = tasted.get("/")
    assert status == 200 and "tasted" in page
    assert tasted.get("/health/live")[0] == 200
    assert tasted.get("/nothing/here")[0] == 404
    request = urllib.request.Request(f"http://{tasted.http}/metrics", data=b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE_S)
    assert refused.value.code == 405


def test_silent_connections_do_not_keep_others_out(tasted):
    tasted.start()
    host, port = tasted.http.rsplit(":", 1)
    silent = [socket.create_connection((host, int(port)), timeout=PATIENCE_S) for _ in range(150)]
    for _ in range(3):
        began = time.monotonic()
        assert tasted.get("/health/live")[0] == 200
        assert time.monotonic() - began < 4  # they would be let go after 5 s anyway
    for one in silent:
        one.close()


def test_http_can_be_off(tasted):
    tasted.configure({"http.listen": "off"})
    tasted.kafka.produce(tasted.topic, keyed(stream(50)))
    tasted.start(ready=False)
    wait_until(lambda: tasted.list_of("u1"), "a list")
    assert tasted.get("/health/live")[0] == 0
    assert tasted.stop() == 0


def test_a_port_that_is_taken_is_said(tasted):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        tasted.configure({"http.listen": address})
        tasted.start(ready=False)
        assert tasted.process.wait(PATIENCE_S) == 78
        assert address in tasted.log_text() and "http.listen" in tasted.log_text()


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.1)
        self.heard = []

    def hear(self):
        try:
            while True:
                self.heard += self.socket.recv(65536).decode().splitlines()
        except socket.timeout:
            return self.heard


@pytest.fixture
def systemd(tmp_path):
    listener = Systemd(tmp_path / "notify")
    yield listener
    listener.socket.close()


@pytest.mark.quick
def test_systemd_is_told_ready_only_when_it_is(tasted, systemd):
    tasted.environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "1000000"}
    tasted.redis.stop()
    tasted.start(ready=False)
    wait_until(lambda: tasted.get("/health/live")[0] == 200, "it lives")
    time.sleep(1)
    assert "READY=1" not in systemd.hear()
    tasted.redis.start()
    wait_until(lambda: "READY=1" in systemd.hear(), "READY=1")
    assert tasted.get("/health/ready")[0] == 200
    wait_until(lambda: systemd.hear().count("WATCHDOG=1") >= 3, "a dog that is fed")
    assert tasted.stop() == 0
    assert "STOPPING=1" in systemd.hear()
    assert systemd.heard.count("READY=1") == 1


@pytest.mark.quick
def test_hang_up_takes_what_can_change_and_says_what_cannot(tasted, systemd):
    tasted.environment = {"NOTIFY_SOCKET": str(systemd.path)}
    tasted.kafka.produce(tasted.topic, keyed(stream(200)))
    tasted.start()
    tasted.wait_learned(200)
    tasted.wait_published()
    assert len(tasted.list_of("u1")["items"]) > 7
    tasted.configure({"lists.size": "7", "model.dim": "128"})
    tasted.hang_up()
    wait_until(lambda: "model.dim" in tasted.log_text(), "it says model.dim cannot change")
    tasted.kafka.produce(tasted.topic, keyed([event("u1", tasted.list_of("u1")["items"][0])]))
    wait_until(lambda: len(tasted.list_of("u1")["items"]) == 7, "lists of 7")
    assert tasted.is_ready()


def test_hang_up_with_a_bad_file_changes_nothing(tasted):
    tasted.start()
    tasted.configure({"lists.size": "many"})
    tasted.hang_up()
    wait_until(lambda: "lists.size" in tasted.log_text(), "it says what is wrong")
    time.sleep(0.3)
    assert tasted.is_ready()
    assert tasted.stop() == 0


@pytest.mark.quick
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(tasted, how):
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.start()
    tasted.wait_learned(100)
    tasted.process.send_signal(how)
    assert tasted.process.wait(PATIENCE_S) == 0
    assert tasted.snapshot_info()["events"] == 100
    for user in ("u1", "u2", "u3"):
        assert tasted.list_of(user), "a list was left unwritten"


def test_signals_while_it_starts(tasted):
    """Asked to end before the loop runs it ends well; a hang-up never ends it."""
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.start()
    tasted.wait_learned(100)
    assert tasted.stop() == 0
    begun = tasted.log_text().count(" starts: ")
    for _ in range(10):
        tasted.start(ready=False)
        begun += 1
        wait_until(lambda: tasted.log_text().count(" starts: ") == begun, "it starts",
                   every=0.001)
        tasted.hang_up()
        tasted.process.terminate()
        assert tasted.process.wait(PATIENCE_S) == 0, tasted.log_tail()
    assert tasted.snapshot_info()["events"] == 100


def test_a_log_that_nobody_reads_ends_nothing(tasted):
    reader, writer = os.pipe()
    os.close(reader)
    tasted.process = spawn([tasted.binary, "run", "-c", tasted.config], writer)
    os.close(writer)
    tasted.wait_ready()
    assert tasted.stop() == 0


def test_snapshots_come_by_themselves(tasted):
    tasted.configure({"snapshot.interval": "1s"})
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.start()
    wait_until(lambda: tasted.snapshot.exists() and tasted.snapshot_info()["events"] == 100,
               "a snapshot of all")
    # The file is there a moment before its saver has told so.
    wait_until(lambda: abs(tasted.metrics().sum("tasted_snapshot_last_success_timestamp_seconds")
                           - time.time()) < 10, "it is told when")


def test_a_snapshot_that_cannot_be_written_is_said_and_tried_again(tasted):
    """Learning and publishing go on meanwhile."""
    folder, away = tasted.folder / "kept", tasted.folder / "away"
    tasted.configure({"snapshot.interval": "1s", "snapshot.path": str(folder / "model.snapshot")})
    folder.mkdir()
    tasted.start()
    folder.rename(away)
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.wait_learned(100)
    wait_until(lambda: str(folder) in tasted.log_text(), "it says what it cannot write")
    away.rename(folder)
    wait_until((folder / "model.snapshot").exists, "a snapshot")
    assert tasted.stop() == 0
