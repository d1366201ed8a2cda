"""Fixtures of the system tests.

    kafka     Apache Kafka, or the embedded broker; one for the session. `kafka.kind` tells.
    redis     a redis-server of the test's own (servers.Redis); `redis.client()` is redis-py
    topic     a new topic of one partition
    tasted    the daemon and the commands of the installed binary, configured for all of these
    publisher the commands alone, with this Redis and no Kafka

Environment, all set by tests/run:

    SYSTEM_TEST_BINARY   the installed binary (default: build/tasted)
    SYSTEM_TEST_BROKER   the embedded broker's program (default: build/tests/broker)
    SYSTEM_TEST_KAFKA    apache, embedded, or unset: apache if its jars are there, else embedded

A test marked `apache` needs Apache Kafka itself, and is skipped on the embedded broker; one marked
`quick` belongs to the inner loop of `tests/run --quick`.
"""

import itertools
import os
import pathlib
import signal

import pytest

from daemon import Tasted
from servers import HERE, EmbeddedBroker, Kafka, Nowhere, Redis, Unavailable

ROOT = HERE.parent.parent
_numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "apache: needs Apache Kafka, not the embedded broker")
    config.addinivalue_line("markers", "quick: belongs to tests/run --quick")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the servers are stopped as on Ctrl-C


def _start_kafka(folder):
    wanted = os.environ.get("SYSTEM_TEST_KAFKA", "")
    if wanted != "embedded":
        try:
            return Kafka(folder / "apache").start()
        except Unavailable:
            if wanted:
                raise
    program = os.environ.get("SYSTEM_TEST_BROKER", ROOT / "build" / "tests" / "broker")
    return EmbeddedBroker(folder / "embedded", program).start()


@pytest.fixture(scope="session")
def kafka_of_session(tmp_path_factory):
    broker = _start_kafka(tmp_path_factory.mktemp("kafka"))
    yield broker
    broker.end()


@pytest.fixture
def kafka(kafka_of_session, request):
    if request.node.get_closest_marker("apache") and kafka_of_session.kind != "apache":
        pytest.skip("needs Apache Kafka itself")
    yield kafka_of_session
    kafka_of_session.start()  # a test may have stopped it


@pytest.fixture
def topic(kafka):
    return kafka.topic(f"events-{next(_numbers)}")


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def binary():
    named = os.environ.get("SYSTEM_TEST_BINARY", ROOT / "build" / "tasted")
    program = pathlib.Path(named).resolve()
    assert os.access(program, os.X_OK), f"{program} is not there"
    return program


@pytest.fixture
def tasted(binary, kafka, redis, topic, tmp_path):
    daemon = Tasted(binary, tmp_path / "tasted", kafka, redis, topic)
    yield daemon
    daemon.kill()


@pytest.fixture
def publisher(binary, redis, tmp_path):
    """The commands alone, without any Kafka: what `replay` publishes."""
    return Tasted(binary, tmp_path / "publisher", Nowhere(), redis, "events")
