"""Messages that cannot be used: where they go, and that nothing else suffers from them."""

import random
import time

import msgpack
import pytest

from events import as_json, as_msgpack, event, keyed, stream
from servers import wait_until

DAY_MS = 86_400_000
GOOD = event("u", "i")


def without(key):
    return {name: value for name, value in GOOD.items() if name != key}


def nested(depth):
    return b'{"user":"u","item":"i","event":"play","context":' + b'{"a":' * depth + b"1" + \
        b"}" * depth + b"}"


def bad_messages():
    """(reason, bytes), each of them different."""
    far = int(time.time() * 1000) + 10 * DAY_MS
    yield "undecodable", b"not json"
    yield "undecodable", as_json(GOOD)[:-1]
    yield "undecodable", as_msgpack(GOOD)[:-1]
    yield "undecodable", as_json(GOOD) + b"x"
    yield "undecodable", as_msgpack(GOOD) + b"\x00"
    yield "undecodable", b'{"user":"u","user":"u","item":"i","event":"play"}'
    yield "undecodable", (b"\x84\xa4user\xa1u\xa4user\xa1u\xa4item\xa1i\xa5event\xa4play")
    yield "undecodable", nested(17)
    yield "undecodable", nested(5000)
    yield "undecodable", b"[1,2,3]"
    yield "undecodable", b'"text"'
    yield "undecodable", b"\xdf\xff\xff\xff\xff\xa1a"  # a map of four thousand million
    yield "undecodable", b"\x81\xdd\xff\xff\xff\xff"
    yield "undecodable", b'{"user":"u","item":"i","event":"play","value":NaN}'
    yield "undecodable", b"\x00\x00\x00\x00\x01Avro of a schema registry"
    yield "too_large", as_json({**GOOD, "padding": "x" * 65536})
    yield "too_large", b"\x00" * 100_000
    yield "missing_user", as_json(without("user"))
    yield "missing_user", as_msgpack(without("user"))
    yield "missing_item", as_json(without("item"))
    yield "missing_event", as_json(without("event"))
    for name in ("user", "item"):
        for value in ("", "x" * 256, "a\0b", 1.5, True, ["u"], {"id": "u"}):
            yield f"bad_{name}", as_json({**GOOD, name: value})
        yield f"bad_{name}", as_msgpack({**GOOD, name: 2.5})
    yield "bad_event", as_json({**GOOD, "event": 5})
    yield "bad_ts", as_json({**GOOD, "ts": -1})
    yield "bad_ts", as_json({**GOOD, "ts": far})
    yield "bad_ts", as_json({**GOOD, "ts": "yesterday"})
    yield "bad_value", as_msgpack({**GOOD, "value": float("nan")})
    yield "bad_value", as_msgpack({**GOOD, "value": float("inf")})
    yield "bad_value", as_json({**GOOD, "value": "0.5"})
    yield "bad_value", as_json(event("u", "i", "rating"))
    for pack in (as_json, as_msgpack):  # what was played is no rating
        yield "bad_value", pack(event("u", "i", "rating", played_ms=9, duration_ms=10))
    yield "bad_value", as_json(event("u", "i", "rating", value=5.5))
    yield "bad_value", as_json(event("u", "i", "rating", value=0))
    yield "bad_value", as_json({**GOOD, "value": -0.5})


def headers(message):
    return {name: value.decode() for name, value in message.headers() or []}


@pytest.mark.quick
def test_each_goes_unchanged_with_reason_and_origin(tasted):
    bad = list(bad_messages())
    good = as_json(GOOD)
    mixed = [message for _, value in bad for message in (value, good)]
    tasted.kafka.produce(tasted.topic, mixed, partition=0)
    tasted.start()
    tasted.wait_learned(len(bad))
    dead = tasted.kafka.messages(tasted.dead_topic, len(bad))
    told = {headers(one)["tasted.offset"]: one for one in dead}
    assert len(told) == len(bad)
    for number, (reason, value) in enumerate(bad):
        message = told[str(2 * number)]
        assert message.value() == value
        assert headers(message)["tasted.reason"] == reason, value[:80]
        assert headers(message)["tasted.topic"] == tasted.topic
        assert headers(message)["tasted.partition"] == "0"
    figures = tasted.metrics()
    for reason in {reason for reason, _ in bad}:
        expected = sum(1 for one, _ in bad if one == reason)
        assert figures.sum("tasted_dead_letters_total", reason=reason) == expected, reason


@pytest.mark.quick
def test_bad_utf8_in_an_id(tasted):
    bad = [b'{"user":"\xff\xfe","item":"i","event":"play"}',
           b'{"user":"u","item":"\xc0\xaf","event":"play"}',
           msgpack.packb({b"user": b"\xed\xa0\x80", b"item": b"i", b"event": b"play"},
                         use_bin_type=False)]
    tasted.kafka.produce(tasted.topic, [*bad, as_json(GOOD)])
    tasted.start()
    tasted.wait_learned(1)
    dead = tasted.kafka.messages(tasted.dead_topic, len(bad))
    assert sorted(one.value() for one in dead) == sorted(bad)
    # JSON that is not UTF-8 is no JSON: either reason is true.
    assert {headers(one)["tasted.reason"] for one in dead} <= {"undecodable", "bad_user",
                                                               "bad_item"}


def hostile(count, seed):
    """Broken beyond use, every one of them, in ever new ways; also empty ones."""
    chance = random.Random(seed)
    samples = [as_json(GOOD), as_msgpack(GOOD), as_json({**GOOD, "context": {"device": "tv"}})]
    for _ in range(count):
        kind = chance.randrange(9)
        sample = chance.choice(samples)
        if kind == 0:  # truncated
            yield sample[:chance.randrange(1, len(sample))]
        elif kind == 1:  # deep
            yield nested(chance.randrange(17, 3000))
        elif kind == 2:  # sizes that are not there
            yield chance.choice([b"\xdf", b"\xdd", b"\xdb", b"\xc6"]) + \
                chance.getrandbits(32).to_bytes(4, "big") + sample[:20]
        elif kind == 3:  # wrong types
            wrong = chance.choice([1.5, None, True, [], {}, [[[1]]]])
            yield as_json({**GOOD, chance.choice(["user", "item", "event"]): wrong})
        elif kind == 4:
            yield as_msgpack({**GOOD, "value": chance.choice([float("nan"), float("-inf")])})
        elif kind == 5:
            yield b'{"user":"' + bytes([chance.randrange(0x80, 0xc0)]) + \
                b'","item":"i","event":"play"}'
        elif kind == 6:
            yield b""
        elif kind == 7:
            yield b"\xc1" + bytes(chance.getrandbits(8) for _ in range(chance.randrange(200)))
        else:
            yield as_json({**GOOD, "id": "x" * 65536})


@pytest.mark.parametrize("count", [
    pytest.param(200, marks=pytest.mark.quick),
    pytest.param(10_000, marks=pytest.mark.apache),  # the embedded broker keeps 5 MiB
])
def test_hostile_messages_among_good_ones(tasted, count):
    sanitized = "asan" in str(tasted.binary) or "tsan" in str(tasted.binary)
    bad = list(hostile(count, seed=count))
    good = stream(count // 2, users=50)
    empty = sum(1 for value in bad if not value)
    chance = random.Random(1)
    messages = [(value, None) for value in bad] + [(as_json(one), one) for one in good]
    order = sorted(range(len(messages)), key=lambda _: chance.random())
    # The good ones keep their order, so that the digest can be compared.
    next_good = iter(good)
    mixed = [as_json(next(next_good)) if messages[place][1] else messages[place][0]
             for place in order]
    tasted.kafka.topic(tasted.dead_topic, 4)
    tasted.start()
    part = len(mixed) // 4
    sizes = []
    for start in range(0, len(mixed), part):
        tasted.kafka.produce(tasted.topic, mixed[start:start + part])
        sent = min(start + part, len(mixed))
        wait_until(lambda: handled(tasted) >= sent, f"{sent} handled\n{tasted.log_tail()}", 60)
        letters = tasted.metrics().sum("tasted_dead_letters_total")
        wait_until(lambda: tasted.kafka.produced(tasted.dead_topic) >= letters, "all are sent")
        sizes.append(tasted.resident_bytes())
    figures = tasted.metrics()
    assert figures.sum("tasted_events_total", result="accepted") == len(good)
    assert figures.sum("tasted_events_total", result="ignored") == empty
    assert figures.sum("tasted_dead_letters_total") == len(bad) - empty
    dead = tasted.kafka.messages(tasted.dead_topic, len(bad) - empty)
    assert sorted(one.value() for one in dead) == sorted(value for value in bad if value)
    for one in dead:
        said = headers(one)
        assert mixed[int(said["tasted.offset"])] == one.value()
        assert said["tasted.reason"] in {
            "undecodable", "too_large", "missing_user", "missing_item", "missing_event",
            "bad_user", "bad_item", "bad_event", "bad_ts", "bad_value"}
    if not sanitized:
        assert sizes[-1] - sizes[1] < 16 << 20, f"memory grows: {sizes}"
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["events"] == len(good)


def handled(tasted):
    figures = tasted.metrics()
    return sum(figures.sum("tasted_events_total", result=result)
               for result in ("accepted", "ignored")) + figures.sum("tasted_dead_letters_total")


def test_without_a_topic_they_are_only_counted(tasted):
    tasted.configure({"input.dead_letter_topic": ""})
    tasted.kafka.produce(tasted.topic, [b"bad", as_json(GOOD), b"also bad"])
    tasted.start()
    tasted.wait_learned(1)
    wait_until(lambda: tasted.metrics().sum("tasted_dead_letters_total") == 2, "two counted")
    assert tasted.stop() == 0


@pytest.mark.apache
def test_a_topic_that_refuses_them_stops_nothing(tasted):
    dead = tasted.kafka.topic(f"{tasted.topic}-small", max_message_bytes=1000)
    tasted.configure({"input.dead_letter_topic": dead})
    tasted.kafka.produce(tasted.topic, [b"x" * 2000, *[as_json(GOOD)] * 5])
    tasted.start()
    tasted.wait_learned(5)
    lost = wait_until(
        lambda: {name: value for name, value in tasted.metrics().items()
                 if "lost" in name and value}, "a metric tells of the lost one")
    assert set(lost.values()) == {1.0}, lost
    tasted.kafka.produce(tasted.topic, [b"short", as_json(GOOD)])
    tasted.wait_learned(6)
    assert [one.value() for one in tasted.kafka.messages(dead, 1)] == [b"short"]
    assert tasted.stop() == 0


@pytest.mark.apache
def test_one_too_large_for_the_topic_takes_no_other_along(tasted):
    """A produce batch is accepted or refused as a whole: what only the batch made too large is
    sent again by itself."""
    tasted.kafka.topic(tasted.dead_topic, max_message_bytes=20_000)
    small = [b"x%04d" % n + b"." * 5_000 for n in range(200)]
    large = [b"L%d" % n + b"." * 30_000 for n in range(3)]
    tasted.kafka.produce(tasted.topic, small[:100] + large + small[100:])
    tasted.start()
    tasted.kafka.produce(tasted.topic, [as_json(GOOD)])
    tasted.wait_learned(1)
    letters = tasted.kafka.messages(tasted.dead_topic, len(small), timeout=60)
    assert sorted(letter.value() for letter in letters) == small
    assert all(headers(letter)["tasted.reason"] == "undecodable" for letter in letters)
    wait_until(lambda: tasted.metrics()["tasted_dead_letters_lost_total"] == len(large),
               "the three that no batch could carry are counted as lost")


@pytest.mark.apache
def test_one_as_large_as_the_topics_take_goes_through(tasted):
    """1,048,588 bytes a batch are a broker's default; a producer's is less."""
    large = [b"L%d" % n + b"." * size for n, size in enumerate((999_000, 1_000_100, 1_048_000))]
    producer = tasted.kafka.producer(message_max_bytes=2_000_000)
    for one in large:
        producer.produce(tasted.topic, one)
    assert producer.flush(30) == 0
    tasted.kafka.produce(tasted.topic, [as_json(GOOD)])
    tasted.start()
    tasted.wait_learned(1)
    letters = tasted.kafka.messages(tasted.dead_topic, len(large))
    assert sorted(letter.value() for letter in letters) == large
    assert tasted.metrics().sum("tasted_dead_letters_lost_total") == 0


def test_key_and_huge_headers_do_no_harm(tasted):
    huge = [(f"header-{number}", b"x" * 4000) for number in range(100)]
    tasted.kafka.produce(tasted.topic, [("key of it", b"bad"), ("u", as_json(GOOD))], headers=huge)
    tasted.start()
    tasted.wait_learned(1)
    dead = tasted.kafka.messages(tasted.dead_topic, 1)
    assert (dead[0].key(), dead[0].value()) == (b"key of it", b"bad")
    assert headers(dead[0])["tasted.reason"] == "undecodable"


def test_a_tombstone_is_only_counted(tasted):
    tasted.kafka.produce(tasted.topic, [("u", None), ("u", as_json(GOOD))])
    tasted.start()
    tasted.wait_learned(1)
    assert tasted.metrics().sum("tasted_events_total", result="ignored") == 1
    assert tasted.metrics().sum("tasted_dead_letters_total") == 0
