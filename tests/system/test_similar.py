"""What readers find at taste:similar:ITEM."""

import json
import time

import pytest

from events import as_json, keyed, stream, write_ndjson
from servers import wait_until


def learn(tasted, events):
    tasted.kafka.produce(tasted.topic, keyed(events))
    tasted.start()
    tasted.wait_learned(len(events))
    tasted.wait_published()
    tasted.wait_published("similar")


def all_similar(tasted):
    client = tasted.redis.client(decode_responses=True)
    found = {key: client.get(key) for key in client.keys("taste:similar:*")}
    return {key.rsplit(":", 1)[1]: json.loads(value) for key, value in found.items() if value}


@pytest.mark.quick
def test_every_item_has_neighbours(tasted):
    events = stream(1500)
    tasted.configure({"lists.similar": 8, "lists.ttl": "1000s"})
    learn(tasted, events)
    found = all_similar(tasted)
    assert set(found) == {one["item"] for one in events}
    same_group = 0
    for item, got in found.items():
        assert set(got) == {"items", "scores", "at", "v"}
        assert 0 < len(got["items"]) == len(set(got["items"])) <= 8
        assert item not in got["items"]
        assert got["scores"] == sorted(got["scores"], reverse=True) and got["scores"][-1] > 0
        same_group += sum(int(other[1:]) % 5 == int(item[1:]) % 5 for other in got["items"])
        assert 880 <= tasted.redis.client().ttl(f"taste:similar:{item}") <= 1100
    assert same_group > 0.5 * sum(len(got["items"]) for got in found.values())
    told = tasted.command("similar", "i1", "--json")
    assert json.loads(told.stdout)["items"] == found["i1"]["items"]
    assert tasted.metrics().sum("tasted_similar_published_total", result="written") >= len(found)


def test_more_events_change_them(tasted):
    learn(tasted, stream(600))
    before = tasted.list_of("i0", "similar")
    people = [f"p{n}" for n in range(60)]
    events = [{"user": one, "item": item, "event": "play"} for one in people
              for item in ("i0", "brand-new")]
    tasted.kafka.produce(tasted.topic, keyed(events))
    wait_until(lambda: tasted.list_of("i0", "similar")["items"][0] == "brand-new",
               "the new neighbour")
    assert tasted.list_of("i0", "similar")["v"] > before["v"]
    wait_until(lambda: "i0" in (tasted.list_of("brand-new", "similar") or {"items": []})["items"],
               "the neighbours of the new one")


def test_a_retired_item_leaves_them_within_a_second(tasted):
    catalogue = tasted.kafka.topic(tasted.topic + ".items")
    tasted.configure({"input.catalogue_topic": catalogue})
    learn(tasted, stream(1500))
    client = tasted.redis.client()

    def holders_of(item):
        return [other for other, got in all_similar(tasted).items() if item in got["items"]]

    def tell(item, available):
        told = as_json({"item": item, "available": available})
        tasted.kafka.produce(catalogue, [(item.encode(), told)])
    took = []
    for item in ("i0", "i1", "i2"):
        assert holders_of(item)
        tell(item, available=False)
        produced = time.monotonic()
        wait_until(lambda: not client.exists(f"taste:similar:{item}") and not holders_of(item),
                   f"{item} is gone")
        took.append(time.monotonic() - produced)
    assert min(took) < 1.5  # the machine may have been held up now and then
    tell("i0", available=True)
    wait_until(lambda: client.exists("taste:similar:i0"), "i0 is back")


def test_an_emptied_redis_gets_them_again(tasted):
    learn(tasted, stream(600))
    before = set(all_similar(tasted))
    tasted.redis.client().flushall()
    wait_until(lambda: set(all_similar(tasted)) == before, "all neighbours are back")


def test_a_restart_does_not_write_them_again(tasted):
    learn(tasted, stream(600))
    assert tasted.stop() == 0
    before = all_similar(tasted)
    tasted.start()
    tasted.wait_published()
    tasted.wait_published("similar")
    assert tasted.metrics().sum("tasted_similar_published_total", result="written") == 0
    assert all_similar(tasted) == before


def test_none_if_not_wanted(tasted):
    tasted.configure({"lists.similar": 0})
    learn(tasted, stream(300))
    assert all_similar(tasted) == {}


@pytest.mark.quick
def test_replay_publishes_those_of_the_model(publisher):
    events = stream(400)
    snapshot = publisher.folder / "model.snapshot"
    publisher.command("replay", "--publish", "--snapshot", snapshot,
                      write_ndjson(publisher.folder / "events", events))
    found = all_similar(publisher)
    assert set(found) == {one["item"] for one in events}
    for item in list(found)[:20]:
        asked = publisher.command("similar", item, "-n", 20, "--json", "--snapshot", snapshot)
        assert json.loads(asked.stdout)["items"] == found[item]["items"]
