"""The installed binary under test: the daemon as a process, and the one-shot commands."""

import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.error
import urllib.request

from servers import PATIENCE_S, end, free_port, spawn, wait_until


class Tasted:
    """One instance: a folder with its configuration, snapshot and log."""

    def __init__(self, binary, folder, kafka, redis, topic):
        self.binary = binary
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.kafka, self.redis, self.topic = kafka, redis, topic
        self.dead_topic = f"{topic}.dead"
        self.snapshot = self.folder / "model.snapshot"
        self.config = self.folder / "tasted.conf"
        self.log = self.folder / "tasted.log"
        self.http = f"127.0.0.1:{free_port()}"
        self.environment = {}
        self.process = None
        self.settings = {
            "kafka.bootstrap.servers": kafka.address,
            "input.topic": topic,
            "input.dead_letter_topic": self.dead_topic,
            "redis.url": redis.url,
            "lists.refresh": "10ms",
            "model.threads": "1",
            "snapshot.path": str(self.snapshot),
            "http.listen": self.http,
        }
        if kafka.kind == "embedded":  # it does not wake a waiting fetch
            self.settings["kafka.fetch.wait.max.ms"] = "20"
        self.configure()

    def configure(self, settings=None):
        """Merges {"section.key": value} (None: away with it) and writes the file anew."""
        self.settings.update(settings or {})
        sections = {}
        for name, value in self.settings.items():
            section, key = name.split(".", 1)
            if value is not None:
                sections.setdefault(section, []).append(f"{key} = {value}\n")
        self.config.write_text(
            "".join(f"[{section}]\n{''.join(lines)}\n" for section, lines in sections.items()))

    # ---- the daemon ----

    def start(self, *arguments, ready=True):
        command = [self.binary, "run", "-c", self.config, *arguments]
        with self.log.open("ab") as log:
            self.process = spawn(command, log, cwd=self.folder,
                                 env={**os.environ, **self.environment})
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=PATIENCE_S):
        wait_until(self.is_ready, f"tasted is ready\n{self.log_tail()}", timeout)

    def is_ready(self):
        assert self.process.poll() is None, \
            f"tasted ended with {self.process.returncode}\n{self.log_tail()}"
        return self.get("/health/ready")[0] == 200

    def stop(self, timeout=PATIENCE_S):
        """SIGTERM: drains, saves, ends. Returns the exit status."""
        return end(self.process, timeout)

    def kill(self):
        """kill -9, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self):
        return f"---- {self.log}\n{self.log_text()[-3000:]}"

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    # ---- what it tells ----

    def get(self, path):
        """(status, body) of a GET; (0, "") when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self):
        """{"name{labels}": value} as it stands in the text."""
        status, text = self.get("/metrics")
        assert status == 200, f"/metrics gave {status}\n{self.log_tail()}"
        figures = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                figures[name] = float(value)
        return Metrics(figures)

    def wait_learned(self, count, timeout=PATIENCE_S):
        """Until `count` events were accepted since this process started."""
        def enough():
            assert self.process.poll() is None, \
                f"tasted ended with {self.process.returncode}\n{self.log_tail()}"
            return self.metrics().sum("tasted_events_total", result="accepted") >= count
        wait_until(enough, f"{count} events learned\n{self.log_tail()}", timeout)

    def wait_published(self, what="lists", timeout=PATIENCE_S):
        """Until every list that is due stands in Redis: users' "lists", or "similar" items."""
        wait_until(lambda: self.metrics().sum(f"tasted_{what}_waiting") == 0,
                   f"no {what} waiting\n{self.log_tail()}", timeout)

    def list_of(self, name, kind="top"):
        """The user's list, or a "similar" item's (format json), as redis-py reads it, or None."""
        value = self.redis.client().get(f"taste:{kind}:{name}")
        return json.loads(value) if value is not None else None

    # ---- the one-shot commands ----

    def command(self, *arguments, expect=0, text=None, timeout=120, config=True):
        """Runs a command with this configuration; returns it with stdout and stderr."""
        command = [str(self.binary), str(arguments[0])]
        if config:
            command += ["-c", str(self.config)]
        command += [str(argument) for argument in arguments[1:]]
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=timeout, cwd=self.folder,
                              env={**os.environ, **self.environment})
        if expect is not None:
            assert done.returncode == expect, \
                f"{command} gave {done.returncode}, not {expect}\n{done.stdout}\n{done.stderr}"
        return done

    def snapshot_info(self, path=None):
        return json.loads(self.command("snapshot", "info", "--json", path or self.snapshot).stdout)

    def replay(self, *arguments):
        """Learns from the topic or from files; returns the report."""
        report = self.folder / "report.json"
        self.command("replay", "--report", report, *arguments)
        return json.loads(report.read_text())


class Metrics(dict):
    def sum(self, name, **labels):
        """Of all samples of that name whose labels include these."""
        total = 0.0
        for sample, value in self.items():
            found, _, rest = sample.partition("{")
            given = dict(re.findall(r'(\w+)="([^"]*)"', rest))
            if found == name and all(given.get(key) == text for key, text in labels.items()):
                total += value
        return total

    def names(self):
        return {sample.partition("{")[0] for sample in self}
