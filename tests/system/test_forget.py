"""`forget` erases a user."""

import pytest

from events import event, keyed, stream, users_of
from servers import wait_until

NAME = "someone-who-wants-to-be-forgotten"


@pytest.mark.quick
def test_a_forgotten_user_is_gone_everywhere(tasted):
    tasted.configure({"snapshot.interval": "1s"})
    events = stream(100) + [event(NAME, f"i{item}") for item in range(10)]
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.start()
    tasted.wait_learned(len(events))
    tasted.wait_published()
    assert tasted.list_of(NAME)
    wait_until(lambda: tasted.snapshot.exists() and NAME.encode() in tasted.snapshot.read_bytes(),
               15, "a snapshot with the user's id")
    tasted.kafka.produce(tasted.topic, keyed([{"user": NAME, "event": "forget"}]))
    wait_until(lambda: tasted.list_of(NAME) is None, 5, "the list is gone")
    # Two newer snapshots, and it is off the disk.
    for seed in (2, 3):
        before = tasted.snapshot.stat().st_mtime_ns
        more = stream(20, seed=seed)
        events += more
        tasted.kafka.produce(tasted.topic, keyed(more))
        wait_until(lambda: tasted.snapshot.stat().st_mtime_ns > before, 15, "a newer snapshot")
    wait_until(lambda: not [path for path in tasted.folder.glob("model.snapshot*")
                            if NAME.encode() in path.read_bytes()], 15, "no trace on the disk")
    assert not [key for key in tasted.redis.client().keys() if NAME.encode() in key]
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["users"] == len(users_of(events) - {NAME})


def test_somebody_forgotten_can_come_back_as_somebody_new(tasted):
    events = stream(100) + [event(NAME, "i1"), {"user": NAME, "event": "forget"}]
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.start()
    tasted.wait_learned(len(events))
    tasted.kafka.produce(tasted.topic, keyed([event(NAME, "i2")]))
    found = wait_until(lambda: tasted.list_of(NAME), 10, "a new list")
    assert "i1" in found["items"], "what was had before is forgotten, so it may come again"
    assert "i2" not in found["items"]


@pytest.mark.quick
def test_forgetting_a_stranger_is_fine(tasted):
    tasted.kafka.produce(tasted.topic, keyed([{"user": "nobody", "event": "forget"},
                                              event("a", "x")]))
    tasted.start()
    wait_until(lambda: tasted.list_of("a") or tasted.redis.client().exists("taste:popular"), 10,
               "the event behind it is learned")
    assert tasted.metrics().sum("tasted_dead_letters_total") == 0
    tasted.stop()
    assert tasted.snapshot_info()["users"] == 1
