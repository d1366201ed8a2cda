"""`replay --publish`: what readers find in Redis after a replay, without a daemon."""

import json

import pytest

from events import event, stream, users_of, write_ndjson
from test_lists import DECODERS


@pytest.mark.parametrize("format", DECODERS)
def test_every_user_gets_the_list_of_the_model(publisher, format):
    publisher.configure({"lists.format": format, "lists.ttl": "1000s", "lists.size": "15"})
    events = stream(400)
    snapshot = publisher.folder / "model.snapshot"
    done = publisher.command("replay", "--publish", "--snapshot", snapshot,
                             write_ndjson(publisher.folder / "events", events))
    assert "publishing" in done.stderr
    client = publisher.redis.client(decode_responses=True)
    for user in users_of(events):
        ids, scores = DECODERS[format](publisher, user)
        asked = publisher.command("top", user, "-n", 15, "--json", "--snapshot", snapshot)
        asked = json.loads(asked.stdout)
        assert ids == asked["items"]
        assert scores is None or scores == pytest.approx(asked["scores"], rel=1e-4)
        assert 880 <= client.ttl(f"taste:top:{user}") <= 1100
    assert client.exists("taste:popular") and client.ttl("taste:popular") == -1
    status = client.hgetall("taste:status")
    assert status["events"] == "400" and int(status["users"]) == len(users_of(events))
    assert int(status["updated_ms"]) > 0 and status["lag"] == "0"


def test_each_replay_counts_the_versions_on(publisher):
    publisher.configure({"lists.popular_features": "genre:rock"})
    client = publisher.redis.client(decode_responses=True)
    items = write_ndjson(publisher.folder / "items", [
        {"item": f"i{n}", "features": ["genre:rock"]} for n in range(5)])
    path = write_ndjson(publisher.folder / "events", [event(f"u{n}", f"i{n % 9}") for n in range(60)])
    for run in 1, 2, 3:
        publisher.command("replay", "--publish", "--items", items, path)
        for key in "top:u1", "similar:i1", "popular", "popular:genre:rock":
            assert json.loads(client.get(f"taste:{key}"))["v"] == run, key
    canaries = [field for field in client.hkeys("taste:status") if field.startswith("canary")]
    assert len(canaries) == 1, "a replay leaves one field, however often"


def test_nobody_is_told_of_a_list_that_there_is_not(publisher):
    """A user who has all there is gets no list, and one of before goes."""
    client = publisher.redis.client()
    client.set("taste:top:u", "old")
    path = write_ndjson(publisher.folder / "events", [event("u", "a")])
    publisher.command("replay", "--publish", path)
    assert not client.exists("taste:top:u")
    assert json.loads(client.get("taste:popular"))["items"] == ["a"]


@pytest.mark.quick
def test_no_redis_is_69_before_anything_is_learned(publisher):
    path = write_ndjson(publisher.folder / "events", stream(50))
    publisher.redis.stop()
    done = publisher.command("replay", "--publish", path, expect=69)
    assert "redis" in done.stderr.lower() and "learned" not in done.stdout


def test_a_redis_that_refuses_writes_is_69(publisher):
    path = write_ndjson(publisher.folder / "events", stream(50))
    publisher.redis.client().config_set("maxmemory", "1")
    done = publisher.command("replay", "--publish", path, expect=69)
    assert "Redis" in done.stderr


def test_features_get_their_popular_lists(publisher):
    publisher.configure({"lists.popular_features": "genre:rock, genre:jazz"})
    client = publisher.redis.client()
    client.set("taste:popular:genre:jazz", "of before")
    items = write_ndjson(publisher.folder / "items", [
        {"item": f"i{n}", "features": ["genre:rock"]} for n in range(5)])
    publisher.command("replay", "--publish", "--items", items, write_ndjson(
        publisher.folder / "events", [event(f"u{n}", f"i{n % 9}") for n in range(60)]))
    found = json.loads(client.get("taste:popular:genre:rock"))["items"]
    assert sorted(found) == [f"i{n}" for n in range(5)]
    assert not client.exists("taste:popular:genre:jazz")
