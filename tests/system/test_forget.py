"""`forget` erases a user."""

import time

import pytest

from daemon import Tasted
from events import event, keyed, stream, users_of
from servers import wait_until

NAME = "someone-who-wants-to-be-forgotten"


def content_of(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:  # just renamed: it is there by its new name
        return b""


def traces_of(tasted):
    """The generations on the disk that hold the id."""
    return [path.name for path in sorted(tasted.folder.glob("model.snapshot*"))
            if NAME.encode() in content_of(path)]


def start_with_somebody_on_the_disk(tasted):
    """Both generations hold the user, and then nothing comes for longer than the interval."""
    tasted.configure({"snapshot.interval": "1s"})
    tasted.start()
    count = 0
    for seed in (1, 2):
        events = stream(100, seed=seed) + [event(NAME, f"i{seed}")]
        count += len(events)
        tasted.kafka.produce(tasted.topic, keyed(events))
        tasted.wait_learned(count)
        wait_until(lambda: len(traces_of(tasted)) == seed, "a snapshot with the user's id")
    tasted.wait_published()
    wait_until(lambda: tasted.snapshot_info()["events"] == count, "a snapshot of all")
    time.sleep(2)


def saves_of(tasted):
    return tasted.metrics().sum("tasted_snapshots_total", result="saved")


def forget_somebody(tasted):
    tasted.kafka.produce(tasted.topic, keyed([{"user": NAME, "event": "forget"}]))
    wait_until(lambda: tasted.list_of(NAME) is None, "the list is gone")


@pytest.mark.quick
def test_who_is_forgotten_leaves_the_disk_also_when_nothing_else_happens(tasted):
    start_with_somebody_on_the_disk(tasted)
    before = saves_of(tasted)
    forget_somebody(tasted)
    wait_until(lambda: saves_of(tasted) == before + 2, "two snapshots without an event")
    assert not traces_of(tasted)
    time.sleep(2.5)
    assert saves_of(tasted) == before + 2, "then there is nothing more to save"
    assert tasted.stop() == 0
    assert not traces_of(tasted)


def test_who_is_forgotten_just_before_the_end_is_off_the_disk(tasted):
    start_with_somebody_on_the_disk(tasted)
    forget_somebody(tasted)
    assert tasted.stop() == 0
    assert not traces_of(tasted)


def test_who_is_forgotten_just_before_a_crash_leaves_the_disk_afterwards(tasted):
    start_with_somebody_on_the_disk(tasted)
    before = saves_of(tasted)
    forget_somebody(tasted)
    wait_until(lambda: saves_of(tasted) > before, "a snapshot")
    tasted.kill()
    tasted.start()
    wait_until(lambda: not traces_of(tasted), "no trace on the disk")


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
               "a snapshot with the user's id")
    tasted.kafka.produce(tasted.topic, keyed([{"user": NAME, "event": "forget"}]))
    wait_until(lambda: tasted.list_of(NAME) is None, "the list is gone")
    # Two newer snapshots, and it is off the disk.
    for seed in (2, 3):
        before = tasted.snapshot.stat().st_mtime_ns
        more = stream(20, seed=seed)
        events += more
        tasted.kafka.produce(tasted.topic, keyed(more))
        wait_until(lambda: tasted.snapshot.stat().st_mtime_ns > before, "a newer snapshot")
    wait_until(lambda: not traces_of(tasted), "no trace on the disk")
    assert not [key for key in tasted.redis.client().keys() if NAME.encode() in key]
    assert tasted.stop() == 0
    assert tasted.snapshot_info()["users"] == len(users_of(events) - {NAME})


def test_somebody_forgotten_can_come_back_as_somebody_new(tasted):
    events = stream(100) + [event(NAME, "i1"), {"user": NAME, "event": "forget"}]
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.start()
    tasted.wait_learned(len(events))
    tasted.wait_published()
    wait_until(lambda: tasted.list_of(NAME) is None, "the list of before is gone")
    tasted.kafka.produce(tasted.topic, keyed([event(NAME, "i2")]))
    found = wait_until(lambda: tasted.list_of(NAME), "a new list")
    assert "i1" in found["items"], "what was had before is forgotten, so it may come again"
    assert "i2" not in found["items"]


@pytest.mark.quick
def test_forgetting_a_stranger_is_fine(tasted):
    tasted.kafka.produce(tasted.topic, keyed([{"user": "nobody", "event": "forget"},
                                              event("a", "x")]))
    tasted.start()
    wait_until(lambda: tasted.list_of("a") or tasted.redis.client().exists("taste:popular"),
               "the event behind it is learned")
    assert tasted.metrics().sum("tasted_dead_letters_total") == 0
    tasted.stop()
    assert tasted.snapshot_info()["users"] == 1


@pytest.mark.apache
@pytest.mark.parametrize("dies", [False, True])
def test_a_member_of_a_group_that_is_behind_brings_nobody_back(tasted, binary, tmp_path, dies):
    """It knows somebody still whom another was told to forget, and would come to that much later;
    also where the other died before it had saved anything."""
    behind = Tasted(binary, tmp_path / "behind", tasted.kafka, tasted.redis, tasted.topic)
    for one in (tasted, behind):
        one.configure({"input.group": f"group-{tasted.topic}", "kafka.session.timeout.ms": "6000",
                       "snapshot.interval": "500ms"})
    # In this order: there is something to list when NAME comes, whatever is fetched at a time.
    tasted.kafka.produce(tasted.topic, keyed([event("other", "i2"), event(NAME, "i1")]))
    try:
        behind.start()
        behind.wait_learned(2)
        wait_until(lambda: behind.list_of(NAME), "a list")
        wait_until(lambda: traces_of(behind), "a snapshot with the user's id")
        assert behind.stop() == 0
        more = keyed(stream(50_000)) + keyed([{"user": NAME, "event": "forget"}])
        tasted.kafka.produce(tasted.topic, more)
        tasted.configure({"snapshot.interval": "1h" if dies else "500ms"})
        tasted.start()
        tasted.wait_learned(50_003, 60)
        wait_until(lambda: tasted.list_of(NAME) is None, "the list is gone")
        if dies:
            tasted.kill()
        else:
            assert tasted.stop() == 0
        behind.start(ready=False)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert behind.list_of(NAME) is None
            figures = behind.metrics() if behind.get("/metrics")[0] == 200 else None
            if figures and figures.sum("tasted_learned_events_total") == 50_003:
                break
        else:
            pytest.fail("it does not catch up")
        wait_until(lambda: behind.metrics().sum("tasted_partitions_waiting") == 0,
                   "it is level")
        behind.wait_published()
        assert behind.list_of("u1") and behind.list_of(NAME) is None
        assert behind.stop() == 0
    finally:
        behind.kill()
