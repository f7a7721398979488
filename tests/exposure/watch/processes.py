"""`nethood watch` as a process of its own, the ports it looks at, and who is told."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE_S = 30.0
POLICY = """\
every = "{every}"
confirm_after = "0.3s"
heartbeat = "never"
tell = ["hook"]
timeout = "1s"
{top}
[groups.lab]
targets = {targets}
445 = "closed"
[alerts.hook]
kind = "webhook"
url = "{url}"
timeout = "20s"
[flood]
limit = 1000
[state]
url = "{state}"
{end}
"""


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Return what *condition* gives once that is true."""
    ends = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < ends, f"{what} did not come about"
        time.sleep(0.02)
    return value


class Hook:
    """A webhook that keeps what is posted; while `open` is not set, it lets callers wait."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.open = threading.Event()
        self.open.set()
        self.waiting = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.got.append(json.loads(body))
                if not hook.open.is_set():
                    hook.waiting.set()
                    hook.open.wait(PATIENCE_S)
                try:
                    self.send_response(204)
                    self.end_headers()
                except OSError:
                    pass  # who posted was killed

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def titles(self) -> list[str]:
        """Return what happened, in short: "deviates 127.0.0.9:4450"."""
        return [f"{one['kind']} {one['subject']['target']}" for one in list(self.got)]


@contextmanager
def hook() -> Iterator[Hook]:
    """Run a webhook."""
    made = Hook()
    try:
        yield made
    finally:
        made.close()


@dataclass
class Hosts:
    """Addresses on 127/8 with one port number that is free on all; `open` and `close` them."""

    network: str
    port: int
    _open: dict[int, socket.socket] = field(default_factory=dict)

    def targets(self, count: int) -> list[str]:
        """Return the first *count* targets."""
        return [f"{self.network}.{n}:{self.port}" for n in range(1, count + 1)]

    def open(self, host: int) -> None:
        """Open the port of a host."""
        if host not in self._open:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((f"{self.network}.{host}", self.port))
            sock.listen(64)
            self._open[host] = sock

    def close(self, host: int) -> None:
        """Close it again."""
        sock = self._open.pop(host, None)
        if sock is not None:
            sock.close()

    @property
    def are_open(self) -> set[int]:
        """Which hosts have their port open."""
        return set(self._open)


@contextmanager
def hosts(network: str) -> Iterator[Hosts]:
    """Give hosts with a port nobody has."""
    with socket.socket() as sock:
        sock.bind(("", 0))
        port = sock.getsockname()[1]
    made = Hosts(network, port)
    try:
        yield made
    finally:
        for host in made.are_open:
            made.close(host)


class Watching:
    """A running watcher; its lines come from a thread."""

    def __init__(self, policy: Path, *words: str, command: list[str] | None = None) -> None:
        begin = command or [sys.executable]
        self.process = subprocess.Popen(
            [*begin, "-m", "nethood", "watch", str(policy), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, text: str) -> str:
        """Return the first line from now on, or before, with *text* in it."""
        try:
            return str(until(lambda: next((x for x in self.lines if text in x), ""), text))
        except AssertionError as error:
            ended = f"it ended with {self.process.poll()}, having said"
            raise AssertionError("\n".join([str(error), ended, *self.lines])) from error

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, by SIGKILL if that is what is wanted; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self._reader.join()
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))


@contextmanager
def watching(policy: Path, *words: str, command: list[str] | None = None) -> Iterator[Watching]:
    """Run a watcher that has begun; end it if it has not ended."""
    made = Watching(policy, *words, command=command)
    try:
        made.wait_for("watching ")
        yield made
    finally:
        made.end(signal.SIGKILL)


def write_policy(path: Path, *, targets: list[str], url: str, state: str, **more: str) -> Path:
    """Write a policy."""
    values = {"every": "1s", "top": "", "end": "", **more}
    path.write_text(POLICY.format(targets=targets, url=url, state=state, **values))
    return path
