"""Kafka and Redis go away and come back."""

import signal
import time

import pytest

from events import keyed, stream, users_of
from servers import wait_until


def lists_of(tasted, users):
    return {user: tasted.list_of(user) for user in users}


def wait_lists(tasted, users):
    wait_until(lambda: all(lists_of(tasted, users).values()),
               f"lists of all users\n{tasted.log_tail()}")


@pytest.mark.quick
def test_it_waits_for_redis_and_is_not_ready_until_then(tasted):
    events = stream(100)
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.redis.stop()
    tasted.start(ready=False)
    wait_until(lambda: tasted.get("/health/live")[0] == 200, "it lives")
    time.sleep(1)
    assert tasted.get("/health/ready")[0] == 503
    assert tasted.metrics().sum("tasted_redis_connected") == 0
    tasted.redis.start()
    tasted.wait_ready()
    assert tasted.metrics().sum("tasted_redis_connected") == 1
    wait_lists(tasted, users_of(events))


def test_redis_away_stops_no_learning_and_loses_no_list(tasted):
    events = stream(600)
    users = users_of(events)
    tasted.kafka.produce(tasted.topic, keyed(events[:300]))
    tasted.start()
    tasted.wait_learned(300)
    tasted.wait_published()
    tasted.redis.stop()
    tasted.kafka.produce(tasted.topic, keyed(events[300:]))
    tasted.wait_learned(600)
    wait_until(lambda: tasted.metrics().sum("tasted_redis_connected") == 0, "it knows")
    tasted.redis.start()  # empty: it keeps nothing on disk
    wait_lists(tasted, users)
    had = {}
    for one in events:
        if one["event"] in ("play", "like") and one.get("value", 1) >= 0.3:
            had.setdefault(one["user"], set()).add(one["item"])
    for user, found in lists_of(tasted, users).items():
        assert not set(found["items"]) & had.get(user, set()), f"an old list of {user}"
    assert tasted.stop() == 0


def test_an_emptied_redis_gets_every_list_again(tasted):
    events = stream(300)
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.start()
    tasted.wait_learned(300)
    tasted.wait_published()
    wait_lists(tasted, users_of(events))
    before = lists_of(tasted, users_of(events))
    wait_until(lambda: tasted.redis.client().exists("taste:status"), "taste:status")
    tasted.redis.client().flushall()
    wait_lists(tasted, users_of(events))
    wait_until(lambda: tasted.redis.client().exists("taste:popular"), "taste:popular")
    for user, now in lists_of(tasted, users_of(events)).items():
        assert now["v"] >= before[user]["v"]


def test_an_emptied_redis_found_at_a_restart_gets_every_list_again(tasted):
    events = stream(200)
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.start()
    tasted.wait_learned(200)
    assert tasted.stop() == 0
    tasted.redis.client().flushall()
    tasted.start()
    wait_lists(tasted, users_of(events))
    assert "Redis does not hold our lists" in tasted.log_text()


@pytest.mark.quick
def test_kafka_away_and_back(tasted):
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.start()
    tasted.wait_learned(100)
    tasted.kafka.stop()
    time.sleep(2)
    assert tasted.get("/health/live")[0] == 200
    tasted.kafka.start()
    tasted.kafka.produce(tasted.topic, keyed(stream(60, seed=2)))
    tasted.wait_learned(160, timeout=60)
    time.sleep(0.5)
    assert tasted.metrics().sum("tasted_events_total", result="accepted") == 160
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["events"] == 160


@pytest.mark.apache
def test_what_kafka_deleted_before_it_was_read_is_counted(tasted):
    tasted.start()
    tasted.kafka.produce(tasted.topic, keyed(stream(100)))
    tasted.wait_learned(100)
    assert tasted.metrics().sum("tasted_messages_missed_total") == 0
    assert tasted.stop() == 0
    tasted.kafka.produce(tasted.topic, keyed(stream(70, seed=2)))
    tasted.kafka.retain(tasted.topic, 1)
    wait_until(lambda: tasted.kafka.watermarks(tasted.topic) == [(170, 170)], "they are deleted")
    tasted.kafka.retain(tasted.topic, -1)
    tasted.start()
    tasted.kafka.produce(tasted.topic, keyed(stream(20, seed=3)))
    tasted.wait_learned(20)
    assert tasted.metrics().sum("tasted_messages_missed_total") == 70
    assert tasted.metrics().sum("tasted_events_total", result="accepted") == 20
    assert "offsets 170 to 1" in tasted.log_tail()
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["events"] == 120


def test_it_waits_for_kafka_and_is_not_ready_until_then(tasted):
    tasted.kafka.produce(tasted.topic, keyed(stream(50)))
    tasted.kafka.stop()
    tasted.start(ready=False)
    wait_until(lambda: tasted.get("/health/live")[0] == 200, "it lives")
    time.sleep(1)
    assert tasted.get("/health/ready")[0] == 503
    tasted.kafka.start()
    tasted.wait_ready(timeout=60)
    tasted.wait_learned(50)
    assert tasted.stop() == 0


def test_it_ends_in_time_while_both_are_away(tasted):
    tasted.kafka.produce(tasted.topic, keyed(stream(50)))
    tasted.start()
    tasted.wait_learned(50)
    tasted.kafka.stop()
    tasted.redis.stop()
    time.sleep(0.5)
    assert tasted.stop(timeout=30) == 0
    assert tasted.snapshot_info()["events"] == 50


def test_a_redis_that_hangs_is_noticed(tasted):
    """It accepts and does not answer, as on a machine that swaps; later it is itself again."""
    events = stream(300)
    tasted.kafka.produce(tasted.topic, keyed(events[:100]))
    tasted.start()
    tasted.wait_learned(100)
    tasted.redis.process.send_signal(signal.SIGSTOP)
    try:
        tasted.kafka.produce(tasted.topic, keyed(events[100:]))
        tasted.wait_learned(300)
        wait_until(lambda: tasted.metrics().sum("tasted_redis_connected") == 0, "it knows")
    finally:
        tasted.redis.process.send_signal(signal.SIGCONT)
    wait_until(lambda: tasted.metrics().sum("tasted_redis_connected") == 1, "it is back")
    wait_lists(tasted, users_of(events))
    tasted.wait_published()


@pytest.mark.apache
def test_a_topic_that_is_made_later(tasted):
    later = f"{tasted.topic}-later"
    tasted.configure({"input.topic": later})
    tasted.start(ready=False)
    wait_until(lambda: tasted.get("/health/live")[0] == 200, "it lives")
    time.sleep(2)
    tasted.kafka.topic(later, 2)
    tasted.kafka.produce(later, keyed(stream(100)))
    tasted.wait_learned(100, timeout=60)
    tasted.wait_ready()


@pytest.mark.apache
def test_partitions_that_are_added_are_taken_up(tasted):
    tasted.kafka.produce(tasted.topic, keyed(stream(50)))
    tasted.start()
    tasted.wait_learned(50)
    tasted.kafka.grow(tasted.topic, 3)
    for partition in (1, 2):
        tasted.kafka.produce(tasted.topic, keyed(stream(50, seed=partition + 1)),
                             partition=partition)
    tasted.wait_learned(150, timeout=90)
