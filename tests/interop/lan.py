"""A small network of the test's own: namespaces joined by virtual cables, and a host in one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop import peers

CABLE = "lan0"


def need_programs(*names: str) -> None:
    """Skip the test, naming the program that is missing; fail instead where CI is true."""
    for name in names:
        if peers.which(name) is None:
            peers.missing(f"{name} is not installed")


def cable(left: str, right: str, name: str = CABLE, network: str = "10.77.0") -> None:
    """Join two namespaces: .1 is the left, .2 the right, the interface has one name in both."""
    pair = ["ip", "link", "add", name, "netns", left, "type", "veth"]
    ran = peers.run([*pair, "peer", "name", name, "netns", right], 10)
    if ran.status:
        peers.missing(f"no virtual cable can be made here: {ran.output.strip()}")
    for host, namespace in ((1, left), (2, right)):
        # Duplicate address detection would keep the link-local address back for a second or two.
        quick = f"net.ipv6.conf.{name}.accept_dad=0"
        for command in (
            ["sysctl", "-q", "-w", quick],
            ["ip", "address", "add", f"{network}.{host}/24", "dev", name],
            ["ip", "link", "set", name, "up"],
        ):
            ran = peers.run(command, 10, namespace=namespace)
            assert ran.status == 0, ran.output


@dataclass
class Background:
    """A program in a namespace, and the lines it has said so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def follow(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def wait_for(self, accept: Callable[[str], bool], timeout_s: float) -> str:
        """Return the first line that is accepted. Raises TimeoutError with all that was said."""
        self.wait_until(lambda lines: any(map(accept, lines)), timeout_s)
        return next(filter(accept, self.lines))

    def wait_until(self, accept: Callable[[list[str]], bool], timeout_s: float) -> None:
        """Wait until the lines together are accepted. Raises TimeoutError with all of them."""
        with self._news:
            if not self._news.wait_for(lambda: accept(self.lines), timeout_s):
                raise TimeoutError("\n".join(self.lines) or "it said nothing")

    def stop(self) -> None:
        """End it as a person would, and wait."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(
    namespace: str, command: list[str | Path], env: dict[str, str] | None = None
) -> Iterator[Background]:
    """Run a program in a namespace for as long as the block lasts."""
    import os

    process = subprocess.Popen(
        peers.in_namespace(namespace, command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
    )
    background = Background(process)
    follower = threading.Thread(target=background.follow, daemon=True)
    follower.start()
    try:
        yield background
    finally:
        background.stop()
        follower.join(5)
        if process.stdout:
            process.stdout.close()


DISCOVERABLE = """
import asyncio, json, signal, sys
from nethood.neighborhood.discovery import Discovery

def tell(kind, sentence, fields):
    print(json.dumps({"event": kind, "sentence": sentence, **fields}), flush=True)

async def main():
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    host = Discovery(on_event=tell, **json.loads(sys.argv[1]))
    await host.start()
    await over.wait()
    await host.stop()
    tell("stopped", "stopped", {})

asyncio.run(main())
"""


@contextmanager
def discoverable(namespace: str, **options: Any) -> Iterator[Background]:
    """Run a discoverable host in a namespace; its lines are its events as JSON."""
    chosen = {"host_name": "CELLAR", "workgroup": "HOUSE", "port": 445, "shares": ["files"]}
    words = [sys.executable, "-c", DISCOVERABLE, json.dumps(chosen | options)]
    with running(namespace, list(words)) as host:
        yield host


def announced(method: str) -> Callable[[str], bool]:
    """Accept the event that says a method has begun."""

    def accept(line: str) -> bool:
        event = json.loads(line)
        return event.get("method") == method and bool(event["announced"])

    return accept
