"""Exactly once, whatever dies when; and the digest that proves it."""

import datetime
import json
import random
import shutil
import time

import pytest

from events import keyed, stream, users_of, write_ndjson
from servers import PATIENCE_S, wait_until


def previous_of(tasted):
    return tasted.snapshot.with_name(tasted.snapshot.name + ".previous")


def damage(path):
    """One bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def run_over(tasted, events, **more):
    """One life of the daemon: sends these, learns them, ends by SIGTERM."""
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.start(**more)
    tasted.wait_learned(len(events))
    assert tasted.stop() == 0


@pytest.mark.quick
def test_a_restart_goes_on_where_it_stopped(tasted):
    events = stream(400)
    run_over(tasted, events[:250])
    assert tasted.snapshot_info()["events"] == 250
    first = tasted.list_of("u1")
    tasted.kafka.produce(tasted.topic, keyed(events[250:]))
    tasted.start()
    tasted.wait_learned(150)
    time.sleep(0.3)
    assert tasted.metrics().sum("tasted_events_total", result="accepted") == 150
    tasted.wait_published()
    assert tasted.stop() == 0
    info = tasted.snapshot_info()
    assert info["events"] == 400
    assert first["v"] < tasted.list_of("u1")["v"] <= first["v"] + 150  # counted on, without a leap
    report = tasted.replay(write_ndjson(tasted.folder / "events.ndjson", events))
    assert info["state_digest"] == report["state_digest"]


def test_versions_of_lists_never_go_back(tasted):
    """Killed with many lists written since the snapshot, they are learned again in fewer steps."""
    events = stream(120, users=3)
    tasted.configure({"snapshot.interval": "1s"})
    tasted.kafka.produce(tasted.topic, keyed(events[:20]))
    tasted.start()
    tasted.wait_learned(20)
    tasted.wait_published()
    wait_until(lambda: tasted.snapshot.exists(), "a snapshot")
    tasted.kill()
    tasted.configure({"snapshot.interval": "1h"})
    highest, sent = {}, 20
    for life in range(3):
        tasted.start()
        for one in events[sent : sent + 30]:  # one by one, so that each makes a list
            tasted.kafka.produce(tasted.topic, keyed([one]))
            sent += 1
            time.sleep(0.03)
        tasted.wait_published()
        wait_until(lambda: tasted.metrics().sum("tasted_learned_events_total") == sent,
                   "all is learned")
        tasted.wait_published()
        version = lambda user: tasted.list_of(user)["v"]
        for user in users_of(events[:sent]):
            wait_until(lambda: version(user) > highest.get(user, 0), f"life {life}: {user}'s")
            highest[user] = version(user)
        popular = lambda: json.loads(tasted.redis.client().get("taste:popular"))["v"]
        wait_until(lambda: popular() > highest.get("popular", 0), "a newer popular list")
        highest["popular"] = popular()
        tasted.kill()
    assert "Redis may not hold our latest lists" in tasted.log_text()


@pytest.mark.quick
def test_replay_of_the_topic_gives_the_digest_of_the_daemon(tasted):
    events = stream(500)
    run_over(tasted, events)
    report = tasted.replay("--topic", tasted.topic, "--from", "earliest", "--to", "latest")
    assert report["learned"] == 500
    assert report["state_digest"] == tasted.snapshot_info()["state_digest"]


def test_replay_in_pieces_equals_replay_in_one_go(tasted):
    events = stream(600)
    whole = tasted.replay(write_ndjson(tasted.folder / "all", events))
    half, rest = tasted.folder / "half.snapshot", tasted.folder / "rest.snapshot"
    tasted.replay(write_ndjson(tasted.folder / "one", events[:350]), "--snapshot", half)
    report = tasted.replay(write_ndjson(tasted.folder / "two", events[350:]),
                           "--from-snapshot", half, "--snapshot", rest)
    assert report["state_digest"] == whole["state_digest"]
    assert tasted.snapshot_info(rest)["state_digest"] == whole["state_digest"]
    assert tasted.snapshot_info(half)["state_digest"] != whole["state_digest"]


def test_replay_of_a_range_of_the_topic(tasted):
    events = stream(300)
    tasted.kafka.produce(tasted.topic, keyed(events), partition=0)
    report = tasted.replay("--topic", tasted.topic, "--from", "0:100", "--to", "0:250")
    whole = tasted.replay(write_ndjson(tasted.folder / "part", events[100:250]))
    assert report["learned"] == 150
    assert report["state_digest"] == whole["state_digest"]


@pytest.mark.apache
def test_replay_of_a_range_of_the_topic_by_time(tasted):
    events = stream(300)
    now = int(time.time()) * 1000
    for part, hours in enumerate((3, 2, 1)):
        tasted.kafka.produce(tasted.topic, keyed(events[100 * part:100 * part + 100]), partition=0,
                             timestamp=now - hours * 3_600_000)
    until = datetime.datetime.fromtimestamp(now / 1000 - 5400, datetime.timezone.utc)
    report = tasted.replay("--topic", tasted.topic, "--from", str(now - 9_000_000),
                           "--to", until.strftime("%Y-%m-%dT%H:%M:%SZ"))
    middle = tasted.replay(write_ndjson(tasted.folder / "middle", events[100:200]))
    assert report["learned"] == 100
    assert report["state_digest"] == middle["state_digest"]


def test_replay_takes_up_a_snapshot_of_the_daemon(tasted):
    events = stream(400)
    run_over(tasted, events[:200])
    tasted.kafka.produce(tasted.topic, keyed(events[200:]))
    report = tasted.replay("--topic", tasted.topic, "--from-snapshot", tasted.snapshot)
    whole = tasted.replay(write_ndjson(tasted.folder / "all", events))
    assert report["state_digest"] == whole["state_digest"]
    again = tasted.command("replay", "--topic", tasted.topic, "--from", "earliest",
                           "--from-snapshot", tasted.snapshot)
    assert whole["state_digest"] in again.stdout  # once each, whatever --from says
    assert "where the snapshot left them" in again.stderr


def test_the_digest_does_not_depend_on_threads(tasted):
    events = stream(400)
    tasted.configure({"model.threads": "4"})
    run_over(tasted, events)
    digest = tasted.snapshot_info()["state_digest"]
    path = write_ndjson(tasted.folder / "all", events)
    for threads in ("1", "3"):
        report = tasted.replay(path, "--set", f"model.threads={threads}")
        assert report["state_digest"] == digest


def test_the_seed_changes_the_digest(tasted):
    path = write_ndjson(tasted.folder / "all", stream(200))
    assert tasted.replay(path)["state_digest"] == tasted.replay(path)["state_digest"]
    assert tasted.replay(path)["state_digest"] != \
        tasted.replay(path, "--set", "model.seed=2")["state_digest"]


def test_killed_ten_times_counts_everything_once(tasted):
    chance = random.Random(10)
    events = stream(4000, users=200)
    tasted.configure({"snapshot.interval": "1s"})
    start = 0

    def newest():
        return tasted.snapshot.exists() and tasted.snapshot.stat().st_mtime_ns
    for life in range(10):
        until = (life + 1) * len(events) // 10
        tasted.kafka.produce(tasted.topic, keyed(events[start:until]), partition=0)
        start = until
        before = newest()
        tasted.start(ready=False)
        time.sleep(chance.uniform(0.05, 2.5))
        if life in (3, 6):  # so that some are made, however slow the machine is
            wait_until(lambda: newest() != before, "a snapshot between the kills")
        tasted.kill()
    tasted.start()
    wait_until(lambda: tasted.metrics().sum("tasted_learned_events_total") == len(events),
               "all is learned")
    assert tasted.stop() == 0
    info = tasted.snapshot_info()
    assert info["events"] == len(events)
    report = tasted.replay("--topic", tasted.topic)
    assert report["state_digest"] == info["state_digest"]


def test_a_replay_does_not_write_to_the_snapshot_of_a_daemon_that_runs(tasted):
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.start()
    tasted.wait_learned(100)
    replay = ["replay", "--topic", tasted.topic, "--snapshot", tasted.snapshot]
    assert "another tasted" in tasted.command(*replay, expect=73).stderr
    assert tasted.stop() == 0
    tasted.command(*replay)
    assert tasted.snapshot_info()["events"] == 100


def test_a_damaged_snapshot_is_replaced_by_the_one_before(tasted):
    events = stream(300)
    run_over(tasted, events[:100])
    run_over(tasted, events[100:200])
    damage(tasted.snapshot)
    assert tasted.command("snapshot", "verify", tasted.snapshot, expect=65).stderr
    tasted.command("snapshot", "verify", previous_of(tasted))
    tasted.kafka.produce(tasted.topic, keyed(events[200:]))
    tasted.start()
    tasted.wait_learned(200)  # the second hundred again, from the topic
    assert str(tasted.snapshot) in tasted.log_text()
    assert tasted.stop() == 0
    report = tasted.replay(write_ndjson(tasted.folder / "all", events))
    assert tasted.snapshot_info()["state_digest"] == report["state_digest"]


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("lose", [damage, empty, lambda path: path.unlink()])
def test_what_was_fallen_back_to_is_kept(tasted, lose):
    """The newest is lost, and the one that the next life saves as well."""
    events = stream(300)
    run_over(tasted, events[:100])
    run_over(tasted, events[100:200])
    first = tasted.snapshot_info(previous_of(tasted))["state_digest"]
    tasted.kafka.produce(tasted.topic, keyed(events[200:]))
    for _ in range(2):
        lose(tasted.snapshot)
        tasted.start()
        tasted.wait_learned(200)
        assert tasted.stop() == 0
        assert tasted.snapshot_info(previous_of(tasted))["state_digest"] == first
    report = tasted.replay(write_ndjson(tasted.folder / "all", events))
    assert tasted.snapshot_info()["state_digest"] == report["state_digest"]
    run_over(tasted, stream(1))
    previous = tasted.snapshot_info(previous_of(tasted))
    assert previous["state_digest"] == report["state_digest"]


def test_a_replay_keeps_the_previous_one_too(tasted):
    events = stream(200)
    run_over(tasted, events[:100])
    run_over(tasted, events[100:])
    damage(tasted.snapshot)
    previous = previous_of(tasted)
    first = tasted.snapshot_info(previous)["state_digest"]
    tasted.command(
        "replay", "--topic", tasted.topic, "--from-snapshot", previous, "--snapshot", tasted.snapshot
    )
    assert tasted.snapshot_info()["events"] == 200
    assert tasted.snapshot_info(previous)["state_digest"] == first
    both = ["--from-snapshot", tasted.snapshot, "--snapshot", tasted.snapshot]
    tasted.command("replay", "--topic", tasted.topic, *both)
    assert tasted.snapshot_info(previous)["events"] == 200


def test_two_damaged_snapshots_are_refused(tasted):
    events = stream(200)
    run_over(tasted, events[:100])
    run_over(tasted, events[100:])
    damage(tasted.snapshot)
    damage(previous_of(tasted))
    tasted.start(ready=False)
    assert tasted.process.wait(PATIENCE_S) == 65
    said = tasted.log_text()
    assert str(tasted.snapshot) in said and str(previous_of(tasted)) in said


@pytest.mark.parametrize("keep", [0, 1, 100])
def test_a_cut_snapshot_is_noticed(tasted, keep):
    run_over(tasted, stream(50))
    cut = tasted.folder / "cut.snapshot"
    shutil.copy(tasted.snapshot, cut)
    with cut.open("r+b") as file:
        file.truncate(keep)
    assert "cut.snapshot" in tasted.command("snapshot", "verify", cut, expect=65).stderr
    tasted.command("snapshot", "info", cut, expect=65)


@pytest.mark.quick
def test_a_snapshot_of_other_settings_is_refused(tasted):
    run_over(tasted, stream(50))
    tasted.start("--set", "model.seed=9", ready=False)
    assert tasted.process.wait(PATIENCE_S) == 78
    assert "model.seed" in tasted.log_text()
    # The lists' shape is not the model's: this may change.
    tasted.start("--set", "lists.size=5")
    assert tasted.stop() == 0


def test_lists_that_were_not_written_before_a_kill_are_written_after(tasted):
    """Redis goes away, events are learned, a snapshot is made, kill -9; then all is back."""
    events = stream(300)
    tasted.configure({"snapshot.interval": "1s"})
    tasted.start()
    tasted.redis.stop()
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.wait_learned(300)
    wait_until(tasted.snapshot.exists, "a snapshot")
    wait_until(lambda: tasted.snapshot_info()["events"] == 300, "a snapshot of all")
    tasted.kill()
    tasted.redis.start()
    tasted.start()
    for user in {one["user"] for one in events}:
        wait_until(lambda: tasted.list_of(user), f"a list of {user}")
