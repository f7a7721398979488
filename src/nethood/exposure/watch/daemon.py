"""The watcher as a process: one store, one policy after the other, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nethood.errors import ConfigError, LocalError
from nethood.exposure.watch import outbox
from nethood.exposure.watch.alerts import Channel, make_channels
from nethood.exposure.watch.database import StoreError, default_url
from nethood.exposure.watch.harden_verdict import harden_verdicts
from nethood.exposure.watch.live_view import LiveView
from nethood.exposure.watch.metrics import Metrics
from nethood.exposure.watch.policy import Policy, load_policy
from nethood.exposure.watch.session import Listener, Session
from nethood.exposure.watch.store import Store
from nethood.exposure.watch.watched import Watchlist, watchlist_of

_STORE_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A policy that was read whole, its targets and channels with it."""

    policy: Policy
    watchlist: Watchlist
    channels: dict[str, Channel]


def read_plan(path: Path) -> Plan:
    """Read the policy at *path* and all it takes.

    Blocks while names are looked up. Raises ConfigError or LocalError with sentences.
    """
    policy = load_policy(path)
    channels = make_channels(policy)
    return Plan(policy, watchlist_of(policy), channels)


def open_store(policy: Policy) -> Store:
    """Open the store *policy* names. Raises LocalError."""
    return Store(state_url(policy))


def state_url(policy: Policy, environ: Mapping[str, str] | None = None) -> str:
    """Return the URL of the state: from the policy, where that says, or the default.

    Raises ConfigError where it can't be read.
    """
    state = policy.state
    if state.url_env:
        given = os.environ if environ is None else environ
        if not given.get(state.url_env):
            raise ConfigError(
                f"{policy.path}: the environment has no {state.url_env}; [state] url_env names it"
            )
        return given[state.url_env]
    if state.url_file is not None:
        try:
            return state.url_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{policy.path}: [state] url_file can't be read: {error}") from error
    return state.url or default_url()


class Daemon:
    """Runs sessions; `reload` and `stop` may be called at any time within the event loop."""

    def __init__(self, plan: Plan, store: Store, listener: Listener) -> None:
        self.metrics = Metrics()
        self.ready = asyncio.Event()
        """Set when the first session is at work."""
        self._plan = plan
        self._store = store
        self._listener = listener
        self._session: Session | None = None
        self._reload = asyncio.Event()
        self._stop = asyncio.Event()

    @property
    def view(self) -> LiveView:
        """What a dashboard is given, once the daemon is ready."""
        return LiveView(self._current)

    def reload(self) -> None:
        """Read the policy again; what is wrong with it leaves the one in force."""
        self._reload.set()

    def stop(self) -> None:
        """Let `run` return when what is under way is stored."""
        self._stop.set()

    async def run(self) -> None:
        """Watch until `stop`. Raises StoreError where the store fails at the very beginning."""
        await self._end_interrupted()
        while not self._stop.is_set():
            session = await self._open_somehow()
            if session is None:
                return
            running = asyncio.create_task(session.run())
            hardened = asyncio.create_task(self._verify_plans(session))
            self.ready.set()
            try:
                await self._until_new_plan(running)
            finally:
                hardened.cancel()
                running.cancel()
                await asyncio.wait({running, hardened})
            _raise_failure(running)

    def _current(self) -> Session:
        if self._session is None:
            raise LocalError("the watcher is starting; try again in a moment")
        return self._session

    async def _open_somehow(self) -> Session | None:
        """Begin a session; after the first one the store may take its time to be there again.

        Return None where the daemon is to stop meanwhile.
        """
        while not self._stop.is_set():
            try:
                return await self._open()
            except StoreError as error:
                if self._session is None:
                    raise
                self._listener.notice(f"{error}; trying again")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_STORE_AGAIN_S):
                        await self._stop.wait()
        return None

    async def _open(self) -> Session:
        plan, before = self._plan, self._session
        session = Session(
            plan.policy, plan.watchlist, self._store, plan.channels, self._listener, self.metrics
        )
        session.news = 0 if before is None else before.news + 1
        await session.open()
        session.watcher.harden = await asyncio.to_thread(harden_verdicts, plan.policy)
        self._session = session
        return session

    async def _end_interrupted(self) -> None:
        count = await self._store.call(outbox.end_interrupted, time.time())
        if count:
            many = "alert" if count == 1 else "alerts"
            self._listener.notice(f"{count} {many}: delivery uncertain; {outbox.CRASHED}")

    async def _until_new_plan(self, running: asyncio.Task[None]) -> None:
        """Return when there is another plan, the daemon is to stop, or the session failed."""
        while True:
            events = [asyncio.create_task(event.wait()) for event in (self._stop, self._reload)]
            try:
                await asyncio.wait({running, *events}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for event in events:
                    event.cancel()
            if self._stop.is_set() or running.done():
                return
            self._reload.clear()
            if await self._read_again():
                return

    async def _read_again(self) -> bool:
        """Read the policy again; return whether it is to be worked by."""
        old = self._plan.policy
        try:
            plan = await asyncio.to_thread(read_plan, old.path)
        except (ConfigError, LocalError) as error:
            self._listener.notice(f"the policy stays as it was: {error}")
            return False
        if plan.policy.state != old.state:
            self._listener.notice("[state] is read at the start only: restart to change the store")
        self._plan = plan
        self._listener.notice(f"{old.path} was read again: {len(plan.watchlist.targets):,} targets")
        return True

    async def _verify_plans(self, session: Session) -> None:
        """Look after plans applied to this machine, as often as the targets are looked at."""
        while session.watcher.harden:
            await asyncio.sleep(max(session.every_s / 2, 1.0))
            session.watcher.harden = await asyncio.to_thread(harden_verdicts, session.policy)


def _raise_failure(running: asyncio.Task[None]) -> None:
    """Raise what ended a session that was not cancelled."""
    if running.cancelled():
        return
    error = running.exception()
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error
