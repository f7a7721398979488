"""Looks at one host, asked for on the page: each runs as a task, and its answers are kept a while.

One at a time for a session, a few at once and so many a minute for all; whoever asked sees it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nethood.errors import Error
from nethood.exposure.model import Answer, HostReport
from nethood.exposure.watch.view import WatchView
from nethood.web.throttle import Rate

MOST_RUNNING = 4
MOST_KEPT = 64
PER_MINUTE = 30
PER_SESSION_AND_MINUTE = 6
LONGEST_S = 120.0
LONGEST_TEXT = 300


@dataclass(eq=False, slots=True)
class Look:
    """One look: its answers in the order they came, and what came of it in the end."""

    id: str
    text: str
    session_id: str
    begun_unix: float
    answers: dict[str, Answer[Any]] = field(default_factory=dict)
    report: HostReport | None = None
    problem: str = ""
    task: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.report is not None or bool(self.problem)

    def hear(self, name: str, answer: Answer[Any]) -> None:
        """Take an answer in."""
        self.answers[name] = answer
        self.tell()

    def tell(self) -> None:
        """Wake everybody who waits for news."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, timeout_s: float) -> None:
        """Wait for the next answer or the end, *timeout_s* at most."""
        waiting = self._news
        if self.is_over:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await waiting.wait()
        except TimeoutError:
            return

    async def end(self, timeout_s: float) -> None:
        """Wait for the end, *timeout_s* at most."""
        if self.task is not None:
            await asyncio.wait({self.task}, timeout=timeout_s)


class Looks:
    """All looks of a dashboard."""

    def __init__(self, view: WatchView, now: Callable[[], float]) -> None:
        self._view = view
        self._now = now
        self._looks: OrderedDict[str, Look] = OrderedDict()
        self._rate = Rate(PER_MINUTE, 60.0)
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def why_not(self, session_id: str) -> str:
        """Return why no look may begin now, "" where it may."""
        running = [look for look in self._looks.values() if not look.is_over]
        if any(look.session_id == session_id for look in running):
            return "Your last look is still running. One host at a time."
        if len(running) >= MOST_RUNNING:
            return "Others are looking at hosts just now. Try again in a moment."
        now = self._now()
        wait_s = max(self._rate.wait_s(now), self._rate_of(session_id).wait_s(now))
        return f"That is enough for now. Try again in {wait_s:.0f} s." if wait_s > 0 else ""

    def begin(self, text: str, session_id: str) -> Look:
        """Start a look at *text*; ask `why_not` first."""
        now = self._now()
        self._rate.take(now)
        self._rate_of(session_id).take(now)
        look = Look(secrets.token_urlsafe(12), text.strip(), session_id, now)
        look.task = asyncio.create_task(self._run(look))
        self._looks[look.id] = look
        self._forget_oldest()
        return look

    def find(self, look_id: str, session_id: str) -> Look | None:
        """Return a look of that session."""
        look = self._looks.get(look_id)
        return look if look is not None and look.session_id == session_id else None

    async def close(self) -> None:
        """Stop those that run."""
        tasks = [look.task for look in self._looks.values() if look.task and not look.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, look: Look) -> None:
        try:
            async with asyncio.timeout(LONGEST_S):
                look.report = await self._view.examine(look.text, look.hear)
        except Error as error:
            look.problem = str(error)
        except TimeoutError:
            look.problem = f"{look.text} was not done within {LONGEST_S:.0f} s; try it again"
        finally:
            look.problem = look.problem or ("" if look.report else "the look was stopped")
            look.tell()

    def _rate_of(self, session_id: str) -> Rate:
        rate = self._rates.setdefault(session_id, Rate(PER_SESSION_AND_MINUTE, 60.0))
        self._rates.move_to_end(session_id)
        while len(self._rates) > MOST_KEPT * 4:
            self._rates.popitem(last=False)
        return rate

    def _forget_oldest(self) -> None:
        over = [look.id for look in self._looks.values() if look.is_over]
        for look_id in over[: max(0, len(self._looks) - MOST_KEPT)]:
            del self._looks[look_id]
