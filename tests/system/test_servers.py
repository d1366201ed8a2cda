"""The tests' own servers do what the other tests, and the benchmarks, rely on."""

import sys

import pytest

from servers import HERE

sys.path.append(str(HERE.parent / "bench"))
import live


@pytest.mark.quick
def test_kafka_keeps_what_it_was_sent(kafka, topic):
    kafka.produce(topic, [b"one", ("key", b"two")])
    got = kafka.messages(topic, 2)
    assert [(message.key(), message.value()) for message in got] == [(None, b"one"), (b"key", b"two")]


@pytest.mark.apache
def test_kafka_comes_back_with_what_it_had(kafka):
    topic = kafka.topic("restarted", 2)
    kafka.produce(topic, [b"before"], partition=1)
    kafka.stop()
    kafka.start()
    kafka.produce(topic, [b"after"], partition=1)
    assert [message.value() for message in kafka.messages(topic, 2)] == [b"before", b"after"]


@pytest.mark.quick
def test_redis_is_empty_and_our_own(redis):
    client = redis.client()
    assert client.dbsize() == 0
    client.set("key", "value")
    redis.stop()
    redis.start()
    assert redis.client().get("key") is None


def test_a_benchmark_has_a_daemon_that_reads(binary, kafka, redis, topic, monkeypatch):
    monkeypatch.setattr(live.measure, "tasted", lambda: binary)
    kafka.produce(topic, [b'{"user":"a","item":"x","event":"play"}'])
    with live.tasted(kafka, redis, topic, {}) as it:
        it.wait_learned(1)
        figures = live.look(it)
        assert live.spent(figures, live.look(it), "tasted_events_total") == 0
        assert figures.sum("bench_cpu_seconds", thread="main") > 0
