"""The one-shot commands: exit codes, configuration, files, `load`."""

import gzip
import json
import os
import signal
import subprocess
import threading
import time

import msgpack
import pytest

from daemon import Tasted
from events import START_MS, as_json, event, stream, write_ndjson
from servers import PATIENCE_S, Nowhere, free_port, spawn, wait_until

COMMANDS = ["run", "demo", "load", "replay", "top", "snapshot", "config"]


@pytest.fixture
def offline(binary, tmp_path):
    """The commands, for tests that need neither Kafka nor Redis."""
    return Tasted(binary, tmp_path / "tasted", Nowhere(), Nowhere(), "events")


# ---- usage ----

@pytest.mark.quick
@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_help_and_version_are_answers(binary, command):
    for option, word in (("--help", "tasted"), ("--version", "tasted")):
        done = subprocess.run([binary, *command, option], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=PATIENCE_S)
        assert done.returncode == 0 and word in done.stdout and not done.stderr
        assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.quick
@pytest.mark.parametrize("arguments", [
    [], ["no-such-command"], ["run", "--no-such-option"], ["top"], ["replay", "--report"],
    ["snapshot", "no-such-part", "x"], ["snapshot", "info"], ["--set"], ["config"],
    ["replay", "--threads", "many", "x"], ["replay", "--from", "latest", "x"],
])
def test_misuse_is_64_and_says_how_to_get_help(binary, arguments):
    done = subprocess.run([binary, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=PATIENCE_S)
    assert done.returncode == 64, done.stderr
    assert done.stderr and not done.stdout
    assert "help" in done.stderr


# ---- configuration ----

@pytest.mark.quick
@pytest.mark.parametrize("setting, value, words", [
    ("model.dim", "-1", ["model.dim"]),
    ("model.dim", "sixty", ["model.dim", "sixty"]),
    ("lists.size", "0", ["lists.size", "1000"]),
    ("lists.format", "xml", ["lists.format", "json", "msgpack", "list", "zset"]),
    ("lists.ttl", "5 parsecs", ["lists.ttl"]),
    ("lists.sise", "10", ["lists.sise", "lists.size"]),
    ("list.size", "10", ["list.size", "lists.size"]),
    ("redis.url", "http://localhost", ["redis.url"]),
    ("signals.rating_scale", "5..1", ["signals.rating_scale"]),
    ("signals.play", "nan", ["signals.play"]),
    ("snapshot.interval", "never", ["snapshot.interval"]),
    ("http.listen", "everywhere", ["http.listen"]),
    ("kafka.no.such.property", "1", ["no.such.property"]),
    ("kafka.enable.auto.commit", "true", ["enable.auto.commit"]),
    ("kafka.isolation.level", "read_uncommitted", ["isolation.level"]),
])
def test_a_bad_setting_is_78_and_names_file_line_and_key(offline, setting, value, words):
    offline.configure({setting: value})
    said = offline.command("config", "check", expect=78).stderr
    assert f"{value}\n" in offline.config.read_text()
    line = 1 + offline.config.read_text().splitlines().index(f"{setting.split('.', 1)[1]} = {value}")
    assert f"{offline.config}:{line}" in said, said
    assert all(word in said for word in words), said
    offline.start(ready=False)
    assert offline.process.wait(PATIENCE_S) == 78


@pytest.mark.quick
def test_the_file_that_was_named_must_be_there(offline):
    offline.config.unlink()
    assert str(offline.config) in offline.command("config", "check", expect=78).stderr


@pytest.mark.quick
def test_set_wins_over_the_environment_over_the_file(offline):
    def size(*arguments):
        shown = offline.command("config", "show", *arguments).stdout
        return [line.split("=")[1].split()[0] for line in shown.splitlines()
                if line.strip().startswith("size")]
    assert size() == ["100"]
    offline.configure({"lists.size": "11"})
    assert size() == ["11"]
    offline.environment = {"TASTED_LISTS_SIZE": "12"}
    assert size() == ["12"]
    assert size("--set", "lists.size=13") == ["13"]


@pytest.mark.quick
def test_the_defaults_are_a_file_that_is_fine(offline):
    defaults = offline.command("config", "defaults").stdout
    offline.config.write_text(defaults)
    offline.command("config", "check")
    for key in ("bootstrap.servers", "dead_letter_topic", "dedupe_ids", "rating_scale", "dim",
                "exclude_seen", "interval", "listen"):
        assert key in defaults


@pytest.mark.quick
def test_secrets_come_from_files_and_are_masked(offline):
    secret = offline.folder / "password"
    secret.write_text("correct horse\n")
    offline.configure({"kafka.security.protocol": "sasl_plaintext",
                       "kafka.sasl.mechanisms": "PLAIN", "kafka.sasl.username": "me",
                       "kafka.sasl.password": f"@{secret}",
                       "redis.url": "redis://me:battery@localhost:1234/0"})
    shown = offline.command("config", "show").stdout
    assert "sasl.username" in shown and "localhost:1234" in shown
    assert "correct horse" not in shown and "battery" not in shown
    secret.unlink()
    assert str(secret) in offline.command("config", "check", expect=78).stderr


def test_check_connect_tries_both(tasted):
    tasted.command("config", "check", "--connect")
    tasted.configure({"redis.url": f"redis://127.0.0.1:{free_port()}/0"})
    assert "redis" in tasted.command("config", "check", "--connect", expect=69).stderr.lower()
    tasted.configure({"redis.url": tasted.redis.url,
                      "kafka.bootstrap.servers": f"127.0.0.1:{free_port()}"})
    assert "kafka" in tasted.command("config", "check", "--connect", expect=69).stderr.lower()


@pytest.mark.apache
def test_check_connect_asks_for_the_catalogue_too(tasted):
    tasted.configure({"input.catalogue_topic": f"{tasted.topic}.items"})
    missing = tasted.command("config", "check", "--connect", expect=69).stderr
    assert f"{tasted.topic}.items" in missing
    tasted.kafka.topic(f"{tasted.topic}.items")
    tasted.command("config", "check", "--connect")


# ---- replay of files ----

def as_tsv(events):
    rows = ["timestamp\tuser\titem\tevent\tvalue\n"]
    for one in events:
        value = one.get("value", "")
        rows.append(f"{one['ts']}\t{one['user']}\t{one['item']}\t{one['event']}\t{value}\n")
    return "".join(rows).encode()


@pytest.mark.quick
def test_every_kind_of_file_gives_the_same_digest(offline):
    events = stream(300)
    plain = write_ndjson(offline.folder / "events.ndjson", events)
    digest = offline.replay(plain)["state_digest"]
    tsv = offline.folder / "events.tsv"
    tsv.write_bytes(as_tsv(events))
    packed = offline.folder / "events.tsv.gz"
    packed.write_bytes(gzip.compress(as_tsv(events)))
    subprocess.run(["zstd", "-q", plain], check=True)
    for source in (tsv, packed, f"{plain}.zst"):
        assert offline.replay(source)["state_digest"] == digest, source
    report = offline.folder / "report.json"
    offline.command("replay", "--report", report, "-", text=plain.read_text())
    assert json.loads(report.read_text())["state_digest"] == digest


@pytest.mark.quick
@pytest.mark.parametrize("source", ["-", "/dev/stdin", "fifo"])
def test_what_is_no_regular_file_can_be_evaluated(offline, source):
    plain = write_ndjson(offline.folder / "events.ndjson", stream(300))
    report = offline.folder / "report.json"
    text = plain.read_text()
    if source == "fifo":
        source = offline.folder / "fifo"
        os.mkfifo(source)
        threading.Thread(target=source.write_text, args=[text], daemon=True).start()
        text = None
    offline.command("replay", "--evaluate", "--report", report, source, text=text)
    of_pipe = json.loads(report.read_text())
    offline.command("replay", "--evaluate", "--report", report, plain)
    assert of_pipe["mrr"] == json.loads(report.read_text())["mrr"] > 0


@pytest.mark.quick
def test_an_output_is_neither_an_input_nor_another_output(offline):
    path = write_ndjson(offline.folder / "events", stream(10))
    before = path.read_bytes()
    (offline.folder / "alias").symlink_to(path)
    for words in (["--snapshot", path], ["--report", path], ["--html", "alias"],
                  ["--items", "catalogue", "--report", "./catalogue"],
                  ["--from-snapshot", "state", "--report", "state"],
                  ["--report", "x", "--html", "./x"], ["--report", "x", "--snapshot", "x"]):
        assert "would" in offline.command("replay", path, *words, expect=64).stderr, words
    assert path.read_bytes() == before
    offline.command("replay", "-", "--report", "-", text=path.read_text())
    state = ["--snapshot", "state"]
    offline.command("replay", path, *state)
    offline.command("replay", path, "--from-snapshot", "state", *state)
    offline.command("replay", path, "--report", "/dev/null", "--html", "/dev/null")


def test_a_pipe_can_be_given_only_once(offline):
    said = offline.command("replay", "-", "/dev/stdin", text="", expect=64)
    assert "only once" in said.stderr


@pytest.mark.quick
def test_several_files_are_merged_by_time(offline):
    events = stream(300)
    digest = offline.replay(write_ndjson(offline.folder / "all", events))["state_digest"]
    parts = [write_ndjson(offline.folder / f"part{number}", events[number::3])
             for number in range(3)]
    assert offline.replay(*parts)["state_digest"] == digest


def test_a_year_of_files_a_day_each(offline):
    events = stream(730)
    days = [write_ndjson(offline.folder / f"day-{n:03}", events[2 * n:2 * n + 2])
            for n in range(365)]
    whole = offline.replay(write_ndjson(offline.folder / "year", events))
    assert offline.replay(*days)["state_digest"] == whole["state_digest"]


@pytest.mark.quick
def test_bad_lines_are_counted_and_named(offline):
    path = offline.folder / "mixed.ndjson"
    good = [as_json(one) for one in stream(20)]
    unknown = as_json(event("a", "x", "unheard_of", ts=START_MS + 99_000))
    too_good = as_json(event("a", "x", "rating", value=9, ts=START_MS + 99_000))
    path.write_bytes(b"\n".join([*good, b"{broken", as_json({"user": 1}), unknown, too_good]) + b"\n")
    report = offline.replay(path)
    assert (report["learned"], report["rejected"], report["ignored"]) == (20, 3, 1)
    for arguments in [path], ["--evaluate", path]:
        said = offline.command("replay", *arguments).stderr
        for where in "line 21: undecodable", "line 22: missing_item", "line 24: bad_value":
            assert said.count(f"{path}, {where}") == 1


def test_bad_messages_of_a_topic_are_named(tasted):
    events = [as_json(one) for one in stream(20)]
    tasted.kafka.produce(tasted.topic, [(b"a", value) for value in [*events, b"{broken"]])
    assert tasted.topic + " [0], offset 20: undecodable" in tasted.command(
        "replay", "--topic", tasted.topic).stderr
    said = tasted.command("replay", "--topic", tasted.topic, "--from", "0:3", "--to", "0:3", expect=65)
    assert "holds no events" in said.stderr
    said = tasted.command("replay", "--topic", tasted.topic, "--from", "0:9", "--to", "0:3", expect=64)
    assert "--from 0:9 is behind --to 0:3" in said.stderr


@pytest.mark.quick
def test_nothing_usable_is_65(offline):
    path = offline.folder / "bad"
    path.write_bytes(b"{broken\n{also\n")
    offline.command("replay", path, expect=65)
    path.write_bytes(b"timestamp,user,item,event\n1700000000,u,i,play\n")
    assert "TSV" in offline.command("replay", path, expect=65).stderr
    for nothing in (b"", b"\n", b"timestamp\tuser\titem\tevent\n"):
        path.write_bytes(nothing)
        assert "bad holds no events" in offline.command("replay", path, expect=65).stderr
    path.write_bytes(b"when\twho\n1\t2\n")
    assert "user" in offline.command("replay", path, expect=65).stderr


def test_going_on_from_a_snapshot_with_nothing_new_is_fine(offline):
    snapshot, path = offline.folder / "s", offline.folder / "more"
    offline.command("replay", "--snapshot", snapshot,
                    write_ndjson(offline.folder / "events", stream(10)))
    path.write_bytes(b"")
    offline.command("replay", path, "--from-snapshot", snapshot)
    path.write_bytes(b"{broken\n")
    offline.command("replay", path, "--from-snapshot", snapshot, expect=65)


def test_of_nothing_scored_there_are_no_figures(offline):
    path = write_ndjson(offline.folder / "events", [event("u", "i", "view")])
    said = offline.command("replay", "--evaluate", path).stdout
    assert "0 scored" in said and "popularity" not in said


def test_what_is_read_is_told_once(offline):
    said = offline.command("replay", "-", "--items", "-", expect=64)
    assert "standard input" in said.stderr
    path = write_ndjson(offline.folder / "events", stream(10))
    said = offline.command("replay", path, "--items", path, "--items", path, expect=64)
    assert "--items is given twice" in said.stderr
    for option in ("--html", "--snapshot"):
        assert "--report" in offline.command("replay", path, option, "-", expect=64).stderr


@pytest.mark.quick
def test_files_that_cannot_be_read_or_written(offline):
    path = write_ndjson(offline.folder / "events", stream(10))
    missing = offline.folder / "missing"
    done = offline.command("replay", missing, expect=None)
    assert done.returncode in (65, 74) and str(missing) in done.stderr
    nowhere = offline.folder / "no" / "such" / "folder"
    said = offline.command("replay", path, "--report", nowhere, expect=73)
    assert str(nowhere) in said.stderr and not said.stdout  # told before anything is learned
    assert str(nowhere) in offline.command("replay", path, "--html", nowhere, expect=73).stderr
    assert str(nowhere) in offline.command("replay", path, "--snapshot", nowhere, expect=73).stderr
    for option in ("--report", "--html", "--snapshot"):
        said = offline.command("replay", path, option, offline.folder, expect=73)
        assert "not a plain file" in said.stderr and "learning" not in said.stderr


@pytest.mark.quick
def test_the_report_without_evaluation_has_all_its_fields(offline):
    report = offline.replay(write_ndjson(offline.folder / "events", stream(100)))
    assert set(report) >= {
        "events", "learned", "rejected", "ignored", "evaluated", "users", "items", "recall", "ndcg",
        "dcg", "mrr", "rmse", "skip_auc", "baselines", "learn_seconds", "rank_seconds", "seconds",
        "state_digest", "series"}
    assert (report["events"], report["learned"]) == (100, 100)
    assert report["mrr"] is None


@pytest.mark.quick
def test_snapshots_of_a_replay(offline):
    path = offline.folder / "made.snapshot"
    report = offline.replay(write_ndjson(offline.folder / "events", stream(200)), "--snapshot", path)
    info = offline.snapshot_info(path)
    assert set(info) >= {"state_digest", "events", "users", "items", "offsets", "version"}
    assert info["state_digest"] == report["state_digest"]
    assert (info["events"], info["users"]) == (200, 40)
    offline.command("snapshot", "verify", path)
    assert "200" in offline.command("snapshot", "info", path).stdout
    done = offline.command("snapshot", "info", "--json", offline.folder / "missing", expect=None)
    assert done.returncode in (65, 74)
    ranked = json.loads(offline.command("top", "u1", "--snapshot", path, "--json").stdout)
    assert len(ranked["items"]) > 10
    assert offline.command("top", "nobody", "--snapshot", path, expect=None).returncode in (0, 65)


@pytest.mark.quick
def test_top_without_redis_is_69(offline):
    assert offline.command("top", "u1", expect=69).stderr


def test_replay_without_kafka_is_69(offline):
    assert offline.command("replay", "--topic", "events", expect=69).stderr


# ---- load ----

@pytest.mark.quick
@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_load_sends_what_is_in_a_file(tasted, form):
    events = stream(100)
    path = tasted.folder / "events.tsv"
    path.write_bytes(as_tsv(events))
    before = int(time.time() * 1000)
    tasted.command("load", "--format", form, path)
    sent = tasted.kafka.messages(tasted.topic, 100)
    for message, one in zip(sent, events):
        value = message.value()
        got = json.loads(value) if form == "json" else msgpack.unpackb(value, raw=False)
        assert {name: str(got[name]) for name in ("user", "item", "event")} == \
            {name: one[name] for name in ("user", "item", "event")}
        assert got["ts"] == one["ts"]
        assert got.get("value") == one.get("value")
        assert message.key() == one["user"].encode()
        assert before <= message.timestamp()[1] <= time.time() * 1000 + 1000
    tasted.start()
    tasted.wait_learned(100)
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["state_digest"] == tasted.replay(path)["state_digest"]


def test_load_at_a_rate(tasted):
    path = write_ndjson(tasted.folder / "events", stream(100))
    began = time.monotonic()
    tasted.command("load", "--rate", "50", path)
    assert 1.5 < time.monotonic() - began < 6
    began = time.monotonic()  # 99 s of recorded time
    tasted.command("load", "--speed", "50", path)
    assert 1.5 < time.monotonic() - began < 6


def test_load_is_interrupted_while_kafka_is_away(tasted):
    path = write_ndjson(tasted.folder / "events", stream(1000))
    log = tasted.folder / "load.log"
    with log.open("ab") as out:
        load = spawn([tasted.binary, "load", "-c", tasted.config, "--rate", "50", path], out,
                     stdout=subprocess.PIPE)
    tasted.kafka.messages(tasted.topic, 10)
    tasted.kafka.stop()
    time.sleep(1)  # a few more are sent
    load.send_signal(signal.SIGINT)
    wait_until(lambda: "interrupt again to end at once" in log.read_text(), "it says why it waits")
    assert load.poll() is None, "what was sent is waited for"
    load.send_signal(signal.SIGINT)
    assert load.wait(PATIENCE_S) == 130


def test_load_is_interrupted_while_its_input_is_silent(tasted):
    log = tasted.folder / "load.log"
    with log.open("ab") as out:
        load = spawn([tasted.binary, "load", "-c", tasted.config, "-"], out,
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    load.stdin.write(b"".join(as_json(one) + b"\n" for one in stream(10)) + b'{"user":')
    load.stdin.flush()
    tasted.kafka.messages(tasted.topic, 10)
    load.send_signal(signal.SIGTERM)
    assert load.wait(PATIENCE_S) == 143
    assert b"10 events delivered" in load.stdout.read()
    assert "could not be used" not in log.read_text()


def test_load_without_kafka_is_69(offline):
    path = write_ndjson(offline.folder / "events", stream(10))
    assert offline.command("load", path, expect=69, timeout=90).stderr
