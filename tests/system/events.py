"""Events as an app would send them, and small streams of them that have something to learn."""

import json
import random

import msgpack

START_MS = 1_700_000_000_000  # of the streams' own times


def event(user, item, name="play", **more):
    return {"user": user, "item": item, "event": name, **more}


def as_json(thing):
    return json.dumps(thing, ensure_ascii=False).encode()


def as_msgpack(thing):
    return msgpack.packb(thing, use_bin_type=True)


def keyed(events, encode=as_json):
    """(key, value) pairs for Kafka, keyed by user."""
    return [(str(one["user"]).encode(), encode(one)) for one in events]


def stream(count, users=40, items=120, seed=1, start_ms=START_MS):
    """People in five groups who mostly play what their group does, some of it more than the rest."""
    chance = random.Random(seed)
    events = []
    for number in range(count):
        user = chance.randrange(users)
        group = user % 5 if chance.random() < 0.8 else chance.randrange(5)
        item = group + 5 * int((items // 5) * chance.random() ** 2)
        one = event(f"u{user}", f"i{item}", ts=start_ms + 1000 * number)
        kind = chance.random()
        if kind < 0.1:
            one["event"] = "skip"
            one["value"] = round(chance.random() * 0.3, 3)
        elif kind < 0.2:
            one["event"] = "like"
        elif kind < 0.3:
            one["event"] = "rating"
            one["value"] = chance.choice([1, 2, 3, 4, 5])
        elif kind < 0.5:
            one["value"] = round(chance.random(), 3)
        events.append(one)
    return events


def write_ndjson(path, events):
    path.write_bytes(b"".join(as_json(one) + b"\n" for one in events))
    return path


def users_of(events):
    return {str(one["user"]) for one in events}
