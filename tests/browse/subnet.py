"""A subnet of browsers with a fake clock: who sends what is heard by everybody, or lost."""

from __future__ import annotations

import heapq
from itertools import count
from random import Random
from typing import Any

from nethood.browse.actions import Action, BrowseName, RegisterName, ReleaseName, Send
from nethood.browse.browser import Browser
from nethood.browse.frames import Frame, decode_frame
from nethood.browse.settings import BrowserSettings

GROUP = "WORKGROUP"


def settings(name: str, **others: Any) -> BrowserSettings:
    """Return settings of a potential browser in the subnet's group."""
    given: dict[str, Any] = {"host_name": name, "machine_group": GROUP, "is_browser": True}
    given.update(others)
    return BrowserSettings(**given)


def sent(actions: list[Action]) -> list[tuple[Frame, BrowseName]]:
    """Return the frames among *actions*, decoded, each with its destination."""
    return [(decode_frame(a.data), a.destination) for a in actions if isinstance(a, Send)]


class Subnet:
    """Hosts that hear each other; unique names are held by one host at a time."""

    def __init__(self, seed: int = 0, loss: float = 0.0) -> None:
        self.random = Random(seed)
        self.loss = loss
        self.now = 0.0
        self.hosts: dict[str, Browser] = {}
        self.holders: dict[BrowseName, str] = {}
        self.frames_sent = 0
        self._queue: list[tuple[float, int, str, Send]] = []
        self._numbers = count()

    def add(self, name: str, **others: Any) -> Browser:
        """Start a host now."""
        browser = self.hosts[name] = Browser(settings(name, **others), self.random.random)
        self._do(name, browser.start(self.now))
        return browser

    def stop(self, name: str) -> None:
        """Shut a host down in order."""
        self._do(name, self.hosts[name].stop(self.now))
        self.kill(name)

    def kill(self, name: str) -> None:
        """Take a host away without a word."""
        del self.hosts[name]
        for held in [held for held, holder in self.holders.items() if holder == name]:
            del self.holders[held]

    def masters(self) -> list[str]:
        """Return who believes to be master."""
        return sorted(name for name, host in self.hosts.items() if host.role.is_master)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while True:
            times = [host.next_time() for host in self.hosts.values()]
            due = [at for at in times if at is not None]
            due += [self._queue[0][0]] if self._queue else []
            if not due or min(due) > until:
                break
            self.now = max(self.now, min(due))
            self._step()
        self.now = until

    def _step(self) -> None:
        while self._queue and self._queue[0][0] <= self.now:
            _, _, source, send = heapq.heappop(self._queue)
            self._deliver(source, send)
        for name, host in list(self.hosts.items()):
            at = host.next_time()
            if at is not None and at <= self.now:
                self._do(name, host.tick(self.now))

    def _deliver(self, source: str, send: Send) -> None:
        for name, host in list(self.hosts.items()):
            if send.address not in (None, name) or self.random.random() < self.loss:
                continue
            self._do(name, host.receive(send.data, source, source, send.destination, self.now))

    def _do(self, name: str, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send():
                    self.frames_sent += 1
                    at = self.now + self.random.uniform(0.001, 0.01)
                    heapq.heappush(self._queue, (at, next(self._numbers), name, action))
                case RegisterName(held, is_group=False):
                    if self.holders.setdefault(held, name) != name:
                        self._do(name, self.hosts[name].name_refused(held, self.now))
                case ReleaseName(held, is_group=False):
                    if self.holders.get(held) == name:
                        del self.holders[held]
