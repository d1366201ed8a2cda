"""What comes in from Kafka: formats, field names, partitions, groups, transactions."""

import json
import subprocess
import time

import pytest

from daemon import Tasted
from events import as_json, as_msgpack, event, keyed, stream, users_of, write_ndjson
from servers import PATIENCE_S, wait_until


def kcat(kafka, *arguments, text):
    subprocess.run(["kcat", "-b", kafka.address, *arguments], input=text, check=True,
                   timeout=PATIENCE_S)


@pytest.mark.quick
def test_json_and_messagepack_are_told_apart(tasted):
    events = stream(300)
    messages = [(as_json if number % 2 else as_msgpack)(one) for number, one in enumerate(events)]
    messages[1] = b" \n\t" + messages[1]  # white space before JSON is allowed
    tasted.kafka.produce(tasted.topic, messages)
    tasted.start()
    tasted.wait_learned(300)
    assert tasted.stop() == 0
    report = tasted.replay(write_ndjson(tasted.folder / "events.ndjson", events))
    assert report["learned"] == 300
    assert tasted.snapshot_info()["state_digest"] == report["state_digest"]


@pytest.mark.quick
def test_kcat_as_the_producer(tasted):
    lines = b"".join(b"%s:%s\n" % (key, value) for key, value in keyed(stream(50)))
    kcat(tasted.kafka, "-P", "-t", tasted.topic, "-K:", text=lines)
    tasted.start()
    tasted.wait_learned(50)
    kcat(tasted.kafka, "-P", "-t", tasted.topic, text=as_json(event("u1", "i1")) + b"\n")
    tasted.wait_learned(51)


@pytest.mark.quick
def test_other_field_names_are_mapped(tasted):
    tasted.configure({"input.user": "properties.userId", "input.item": "properties.track.id",
                      "input.event": "name", "signals.finished_track": "1"})
    messages = [as_json({"name": "finished_track",
                         "properties": {"userId": user, "track": {"id": track}},
                         "user": "not this", "item": 5.5})
                for user, track in ((1, "a"), (2, "b"), (2, "a"))]
    messages.append(as_msgpack({"name": "play", "properties": {"userId": 3, "track": {"id": 4}}}))
    tasted.kafka.produce(tasted.topic, messages)
    tasted.start()
    tasted.wait_learned(4)
    tasted.kafka.produce(tasted.topic, messages[:1])  # the first time there may have been nothing else
    tasted.wait_learned(5)
    tasted.wait_published()
    assert tasted.list_of("1")["items"][0] == "b"
    tasted.stop()
    info = tasted.snapshot_info()
    assert (info["users"], info["items"]) == (3, 3)


@pytest.mark.quick
def test_a_repeated_id_counts_once(tasted):
    once = event("a", "x", id="one")
    events = [once, once, event("b", "y", id=7), event("b", "z", id="7"), event("c", "x")]
    tasted.kafka.produce(tasted.topic, [as_json(one) for one in events])
    tasted.start()
    tasted.wait_learned(3)
    time.sleep(0.3)
    assert tasted.metrics().sum("tasted_events_total", result="accepted") == 3
    tasted.stop()
    assert tasted.snapshot_info()["events"] == 3


@pytest.mark.quick
def test_what_is_not_for_us_is_only_counted(tasted):
    messages = [b"", as_json(event("a", "x", "somebody_elses_event")),
                as_json({"event": "heartbeat", "user": "a", "item": "x"}), as_json(event("a", "x"))]
    tasted.kafka.produce(tasted.topic, messages)
    tasted.start()
    tasted.wait_learned(1)
    figures = tasted.metrics()
    assert figures.sum("tasted_events_total", result="ignored") == 3
    assert figures.sum("tasted_dead_letters_total") == 0


def test_two_partitions_are_both_taken(tasted):
    tasted.topic = tasted.kafka.topic(f"{tasted.topic}-two", 2)
    tasted.configure({"input.topic": tasted.topic})
    events = stream(400)
    for partition in (0, 1):
        tasted.kafka.produce(tasted.topic, keyed(events[partition::2]), partition=partition)
    tasted.start()
    tasted.wait_learned(400)
    lag = {name: value for name, value in tasted.metrics().items()
           if name.startswith("tasted_consumer_lag_records{")}
    assert len(lag) == 2
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["events"] == 400
    assert json.dumps(tasted.snapshot_info()["offsets"]).count("200") == 2


def test_several_topics(tasted):
    second = tasted.kafka.topic(f"{tasted.topic}-second")
    tasted.configure({"input.topic": f"{tasted.topic},{second}"})
    tasted.kafka.produce(tasted.topic, keyed(stream(30)))
    tasted.kafka.produce(second, keyed(stream(40, seed=2)))
    tasted.start()
    tasted.wait_learned(70)


def test_start_latest_leaves_out_what_was_there(tasted):
    tasted.configure({"input.start": "latest"})
    tasted.kafka.produce(tasted.topic, keyed([event("old", "x")] * 20))
    tasted.start()
    tasted.kafka.produce(tasted.topic, keyed([event("new", "x"), event("newer", "y")]))
    tasted.wait_learned(2)
    tasted.stop()
    assert tasted.snapshot_info()["events"] == 2


def test_start_latest_loses_nothing_to_a_crash(tasted):
    """What it had taken up before its first regular snapshot is not before `latest` again."""
    tasted.configure({"input.start": "latest"})
    tasted.start()
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.wait_learned(100)
    wait_until(tasted.snapshot.exists, "a first snapshot")
    tasted.kill()
    tasted.kafka.produce(tasted.topic, keyed(stream(50, seed=2)))
    tasted.start()
    wait_until(lambda: tasted.metrics().sum("tasted_learned_events_total") == 150, "all is learned")
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["events"] == 150


@pytest.mark.apache
def test_start_at_a_time(tasted):
    now = int(time.time() * 1000)
    tasted.kafka.produce(tasted.topic, [as_json(event("old", "x"))] * 20, timestamp=now - 3_600_000)
    tasted.kafka.produce(tasted.topic, [as_json(event("new", "x"))] * 3, timestamp=now - 60_000)
    tasted.configure({"input.start": str(now - 1_800_000)})
    tasted.start()
    tasted.wait_learned(3)
    tasted.stop()
    assert tasted.snapshot_info()["events"] == 3


def test_a_consumer_group_of_one(tasted):
    tasted.configure({"input.group": f"group-{tasted.topic}", "kafka.session.timeout.ms": "6000"})
    tasted.kafka.produce(tasted.topic, keyed(stream(200)))
    tasted.start()
    tasted.wait_learned(200)
    assert tasted.stop() == 0
    tasted.kafka.produce(tasted.topic, keyed(stream(50, seed=2)))
    tasted.start()
    tasted.wait_learned(50)
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["events"] == 250


@pytest.mark.apache
def test_a_consumer_group_shares_the_partitions(tasted, binary, tmp_path):
    """Two instances: each partition is taken by one of them, and each event counts once in all."""
    topic = tasted.kafka.topic(f"{tasted.topic}-shared", 4)
    second = Tasted(binary, tmp_path / "second", tasted.kafka, tasted.redis, topic)
    both = {"input.topic": topic, "input.group": f"group-{topic}",
            "kafka.session.timeout.ms": "6000"}
    tasted.configure(both)
    second.configure(both)
    try:
        tasted.start()
        second.start()

        def partitions_of(one):
            return {name for name in one.metrics()
                    if name.startswith("tasted_consumer_lag_records{")}

        def are_shared():
            """A member that joins late may have the group share out once more."""
            of_each = [partitions_of(one) for one in (tasted, second)]
            return [len(one) for one in of_each] == [2, 2] and not of_each[0] & of_each[1]
        wait_until(are_shared, "two partitions each")
        events = stream(600)
        tasted.kafka.produce(topic, keyed(events))

        def learned():
            return [one.metrics().sum("tasted_events_total", result="accepted")
                    for one in (tasted, second)]
        wait_until(lambda: sum(learned()) >= 600, "all is learned")
        assert sum(learned()) == 600 and min(learned()) > 0
        for one in (tasted, second):
            one.wait_published()
        for user in users_of(events):
            assert tasted.list_of(user), user
    finally:
        assert second.stop() == 0
        assert tasted.stop() == 0


@pytest.mark.apache
def test_in_a_group_each_writes_the_lists_of_its_own_users(tasted, binary, tmp_path):
    """The first has learned of all users before the second joins, and is not to write what it
    remembers of those that are the second's since."""
    topic = tasted.kafka.topic(f"{tasted.topic}-shared", 2)
    second = Tasted(binary, tmp_path / "second", tasted.kafka, tasted.redis, topic)
    both = {"input.topic": topic, "input.group": f"group-{topic}",
            "kafka.session.timeout.ms": "6000"}
    tasted.configure({**both, "snapshot.interval": "1s"})
    second.configure(both)
    early, late = stream(300, users=20), stream(300, users=20, seed=2)
    played = {}
    for one in early + late:
        if one["event"] in ("play", "like") and one.get("value", 1) >= 0.3:
            played.setdefault(one["user"], set()).add(one["item"])

    def refilled():
        """Nobody's list is missing, but that of who was forgotten, or holds what they had."""
        for user in users_of(early + late):
            found = tasted.list_of(user)
            if (found is None) != (user == "u3") or \
                    (found and set(found["items"]) & played.get(user, set())):
                return False
        return True
    try:
        tasted.kafka.produce(topic, keyed(early))
        tasted.start()
        tasted.wait_learned(300)
        tasted.wait_published()
        second.start()
        wait_until(lambda: all(
            sum(name.startswith("tasted_consumer_lag_records{") for name in one.metrics()) == 1
            for one in (tasted, second)), "a partition each")
        tasted.kafka.produce(topic, keyed(late))
        tasted.kafka.produce(topic, [("u3", as_json({"user": "u3", "event": "forget"}))])
        wait_until(lambda: sum(one.metrics().sum("tasted_events_total", result="accepted")
                               for one in (tasted, second)) >= 601, "all is learned")
        wait_until(refilled, "the lists as they should be")
        for _ in range(3):
            tasted.redis.client().flushall()
            wait_until(refilled, "the lists again")
            time.sleep(0.5)
            assert refilled()
        tasted.kill()
        tasted.start()
        wait_until(refilled, "the lists after a sudden end")
        time.sleep(1)
        assert refilled()
    finally:
        assert second.stop() == 0
        assert tasted.stop() == 0


@pytest.mark.apache
def test_a_group_with_a_backlog_writes_lists_before_it_is_through(tasted):
    """When it is new, and when all of it was down: nobody has written newer ones."""
    tasted.configure({"input.group": f"group-{tasted.topic}", "kafka.session.timeout.ms": "6000",
                      "model.dim": "512"})
    for seed, count in ((1, 60_000), (2, 30_000)):
        tasted.kafka.produce(tasted.topic, keyed(stream(count, seed=seed)))
        tasted.start(ready=False)
        wait_until(lambda: tasted.redis.client().exists("taste:top:u1"), "a list")
        assert tasted.metrics().sum("tasted_consumer_lag_records") > 0
        tasted.wait_learned(count, 60)
        tasted.wait_published()
        assert tasted.stop() == 0
        tasted.redis.client().flushall()


@pytest.mark.apache
def test_an_aborted_transaction_does_not_count(tasted):
    producer = tasted.kafka.producer(transactional_id=f"tests-{tasted.topic}")
    producer.init_transactions(20)
    for user, commit in (("first", True), ("aborted", False), ("second", True)):
        producer.begin_transaction()
        for item in range(5):
            producer.produce(tasted.topic, as_json(event(user, item)))
        producer.flush(20)
        if commit:
            producer.commit_transaction(20)
        else:
            producer.abort_transaction(20)
    tasted.start()
    tasted.wait_learned(10)
    tasted.kafka.produce(tasted.topic, [as_json(event("last", 1))])
    tasted.wait_learned(11)
    tasted.wait_published()
    assert tasted.list_of("aborted") is None
    wait_until(lambda: tasted.metrics().sum("tasted_consumer_lag_records") == 0, "no lag")
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["events"] == 11
    # A restart finds its place again behind the transactions' own records.
    tasted.kafka.produce(tasted.topic, [as_json(event("last", 2))])
    tasted.start()
    tasted.wait_learned(1)
    tasted.stop()
    assert tasted.snapshot_info()["events"] == 12


@pytest.mark.apache
def test_the_timestamp_of_the_message_is_the_default_for_ts(tasted):
    """Not the time of arrival: the same topic learned later gives the same state."""
    now = int(time.time() * 1000)
    events = stream(100)
    for number, one in enumerate(events):
        del one["ts"]
        tasted.kafka.produce(tasted.topic, [as_json(one)], timestamp=now - 1_000_000 + number)
    tasted.start()
    tasted.wait_learned(100)
    tasted.stop()
    for number, one in enumerate(events):
        one["ts"] = now - 1_000_000 + number
    report = tasted.replay(write_ndjson(tasted.folder / "events.ndjson", events))
    assert tasted.snapshot_info()["state_digest"] == report["state_digest"]
