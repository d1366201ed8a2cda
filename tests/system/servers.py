"""The servers that the system tests talk to: Apache Kafka, the embedded broker, Redis.

All listen on free loopback ports, keep their files in a folder they are given, and die with the
process that started them, however that ends.
"""

import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import confluent_kafka
import confluent_kafka.admin
import redis

HERE = pathlib.Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
# How long is waited for what comes at once on a machine that has time; only a test that fails takes
# as long. Less than the minute after which items' neighbours are looked for anyway.
PATIENCE_S = 30
_libc = ctypes.CDLL(None)


class Unavailable(Exception):
    """A server cannot be had on this machine."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, what=None, timeout=PATIENCE_S, every=0.05):
    """Returns the first true value of condition(); fails the test when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(every)


def spawn(command, log, **options):
    """Starts a process that gets SIGKILL when we die, and no Ctrl-C from our terminal."""

    def die_with_parent():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", log)
    with_log = dict(stderr=log, start_new_session=True, preexec_fn=die_with_parent)
    return subprocess.Popen([str(part) for part in command], **{**with_log, **options})


def end(process, timeout=PATIENCE_S):
    """SIGTERM, then SIGKILL. Returns the exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class Broker:
    """What Apache Kafka and the embedded broker have in common for a test."""

    kind = None
    address = None

    def producer(self, **settings):
        return confluent_kafka.Producer({"bootstrap.servers": self.address, **_named(settings)})

    def consumer(self, *topics, **settings):
        """Reads from the earliest offset, all partitions, in no group."""
        consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": "tests",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
                **_named(settings),
            }
        )
        consumer.assign(
            [
                confluent_kafka.TopicPartition(topic, partition, confluent_kafka.OFFSET_BEGINNING)
                for topic in topics
                for partition in self.partitions(topic)
            ]
        )
        return consumer

    def partitions(self, topic):
        """Of a topic that is there, or that somebody's first message is about to create."""
        client = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.address})
        return sorted(wait_until(
            lambda: client.list_topics(topic, timeout=10).topics[topic].partitions,
            f"topic {topic} is there"))

    def watermarks(self, topic):
        """Of each partition the first offset that is there, and the one that will come next."""
        consumer = self.consumer(topic)
        try:
            return [consumer.get_watermark_offsets(
                        confluent_kafka.TopicPartition(topic, partition), timeout=10)
                    for partition in self.partitions(topic)]
        finally:
            consumer.close()

    def produced(self, topic):
        """How many messages ever came to the topic, over all partitions."""
        return sum(end for _, end in self.watermarks(topic))

    def messages(self, topic, count=None, timeout=PATIENCE_S):
        """As _messages(); a consumer of the embedded broker was seen to hear nothing more of a
        partition, so that a second one is asked before it counts as missing."""
        try:
            return self._messages(topic, count, timeout)
        except AssertionError:
            if self.kind == "apache":
                raise
            return self._messages(topic, count, timeout)

    def _messages(self, topic, count, timeout):
        """What is in the topic now; with `count`, waits until there are that many."""
        consumer = self.consumer(topic)
        got, at_end = [], set()
        partitions = self.partitions(topic)
        deadline = time.monotonic() + timeout
        try:
            while time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is None:
                    continue
                if message.error():
                    if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                        at_end.add(message.partition())
                    if count is None and len(at_end) == len(partitions):
                        return got
                    continue
                got.append(message)
                if count is not None and len(got) >= count:
                    return got
            if count is None:
                raise AssertionError(f"{topic} could not be read to its end in {timeout} s")
            raise AssertionError(f"{topic} has {len(got)} messages after {timeout} s, not {count}")
        finally:
            consumer.close()

    def produce(self, topic, values, partition=None, timeout=60, **message):
        """Sends and waits until all are acknowledged. A value is bytes, or (key, bytes)."""
        producer = self.producer(**{"linger.ms": 5, "queue.buffering.max.messages": 1000000})
        refused = []

        def told(error, _):
            if error:
                refused.append(error)

        for value in values:
            key = None
            if isinstance(value, tuple):
                key, value = value
            where = {} if partition is None else {"partition": partition}
            producer.produce(topic, value, key, on_delivery=told, **where, **message)
            producer.poll(0)
        assert producer.flush(timeout) == 0, "the broker did not acknowledge in time"
        assert not refused, refused[0]


def _named(settings):
    """Keyword arguments to librdkafka's names: transactional_id is transactional.id."""
    return {name.replace("_", "."): value for name, value in settings.items()}


class Kafka(Broker):
    """Apache Kafka, one node that is broker and controller (KRaft)."""

    kind = "apache"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port, self.controller_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = self.folder / "kafka.log"
        self.process = None
        self.jars = self._jars()
        self._configure()

    @staticmethod
    def _jars():
        if not shutil.which("java"):
            raise Unavailable("no java")
        found = subprocess.run(
            [HERE / "fetch-kafka", "--cached"], stdout=subprocess.PIPE, universal_newlines=True
        )
        if found.returncode:
            raise Unavailable("Apache Kafka's jars are not there (tests/system/fetch-kafka)")
        return found.stdout.strip()

    def _java(self, *arguments):
        flags = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return ["java", *flags, "-cp", f"{self.jars}/*", *arguments]

    def _configure(self):
        self.properties = self.folder / "server.properties"
        self.properties.write_text(
            f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self.controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={self.folder}/data
num.partitions=1
auto.create.topics.enable=true
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
log.retention.check.interval.ms=300
log.initial.task.delay.ms=300
num.network.threads=2
num.io.threads=2
"""
        )
        with self.log.open("ab") as log:
            subprocess.run(
                self._java("kafka.tools.StorageTool", "format", "--ignore-formatted", "-t",
                           "dGFzdGVkLXN5c3RlbS10ZXN0cw", "-c", str(self.properties)),
                stdout=log, stderr=log, check=True, timeout=60)

    def start(self):
        if self.process and self.process.poll() is None:
            return self
        with self.log.open("ab") as log:
            self.process = spawn(self._java("kafka.Kafka", str(self.properties)), log)
        wait_until(self._answers, f"Apache Kafka answers (see {self.log})", 120, every=0.2)
        return self

    def _answers(self):
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-3000:]
            raise AssertionError(f"Apache Kafka ended by itself:\n{tail}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                pass
            admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.address})
            return admin.list_topics(timeout=5).brokers
        except (OSError, confluent_kafka.KafkaException):
            return False

    def stop(self):
        """As an operator would; start() brings it back with all it had."""
        if self.process:
            end(self.process, 60)

    def end(self):
        self.stop()

    def topic(self, name, partitions=1, **config):
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.address})
        new = confluent_kafka.admin.NewTopic(name, partitions, 1, config=_named(config))
        admin.create_topics([new], operation_timeout=10)[name].result(15)
        wait_until(lambda: len(self.partitions(name)) == partitions, f"topic {name}")
        return name

    def retain(self, name, milliseconds):
        """Deletes what is older, until it is told otherwise."""
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.address})
        resource = confluent_kafka.admin.ConfigResource(
            confluent_kafka.admin.ConfigResource.Type.TOPIC, name,
            set_config={"retention.ms": str(milliseconds)})
        admin.alter_configs([resource])[resource].result(15)

    def grow(self, name, partitions):
        """To that many partitions in all."""
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.address})
        more = confluent_kafka.admin.NewPartitions(name, partitions)
        admin.create_partitions([more])[name].result(15)
        wait_until(lambda: len(self.partitions(name)) == partitions, f"partitions of {name}")


class EmbeddedBroker(Broker):
    """librdkafka's mock cluster in a process of its own (broker.c)."""

    kind = "embedded"

    def __init__(self, folder, program):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        if not program or not os.access(program, os.X_OK):
            raise Unavailable(f"the embedded broker is not built ({program})")
        self.program = program
        self.process = None
        self.log = self.folder / "broker.log"
        self.down = False

    def start(self):
        if self.process:
            if self.down:
                self._say("up")
                self.down = False
            return self
        pipe = subprocess.PIPE
        with self.log.open("ab") as log:
            self.process = spawn([self.program], log, stdin=pipe, stdout=pipe,
                                 universal_newlines=True)
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise Unavailable(f"the embedded broker did not start (see {self.log})")
        return self

    def _say(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "ok", f"embedded broker: {words}: {answer}"

    def stop(self):
        """Out of reach; what it holds stays in memory."""
        self._say("down")
        self.down = True

    def end(self):
        if self.process:
            end(self.process)

    def topic(self, name, partitions=1, **_):
        self._say("topic", name, str(partitions))
        return name


class Redis:
    """A redis-server of one's own, on a loopback port and a socket, keeping nothing on disk."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.socket = self.folder / "redis.sock"
        self.log = self.folder / "redis.log"
        self.process = None

    def start(self):
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if not program:
            raise Unavailable("no redis-server")
        with self.log.open("ab") as log:
            self.process = spawn(
                [program, "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", self.folder, "--unixsocket", self.socket], log)
        wait_until(self._answers, f"Redis answers (see {self.log})", every=0.02)
        return self

    def _answers(self):
        try:
            return self.client().ping()
        except redis.exceptions.ConnectionError:
            return False

    def client(self, **settings):
        return redis.Redis("127.0.0.1", self.port, socket_timeout=10, **settings)

    def stop(self):
        if self.process:
            end(self.process)


class Nowhere:
    """A server where nobody listens: it is not to be asked, or not to answer."""
    kind = "nobody"

    def __init__(self):
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"redis://{self.address}/0"
