"""Acknowledging deviations, and taking that back."""

from __future__ import annotations

import time
from collections.abc import Callable

from nethood.errors import LocalError
from nethood.exposure.watch import reading, requests
from nethood.exposure.watch.machine import step_acknowledge, step_withdraw
from nethood.exposure.watch.records import Acknowledgement, Deviation
from nethood.exposure.watch.tracked import Acknowledged
from nethood.exposure.watch.watcher import Watcher

LONGEST_TEXT = 1000


async def acknowledge(
    watcher: Watcher, deviation_id: int, by: str, note: str, until_unix: float | None
) -> Acknowledgement:
    """Keep a deviation quiet, see `WatchView`; to be stored still. Raises LocalError."""
    found = await watcher.store.call(reading.deviation, deviation_id, watcher.is_quiet)
    now = time.time()
    held = Acknowledged(by[:LONGEST_TEXT], note[:LONGEST_TEXT], now, until_unix)
    _apply(watcher, deviation_id, found, held)
    return Acknowledgement(held.by, held.note, now, until_unix)


async def withdraw(watcher: Watcher, deviation_id: int) -> None:
    """Take an acknowledgement back; to be stored still. Raises LocalError."""
    found = await watcher.store.call(reading.deviation, deviation_id, watcher.is_quiet)
    now = time.time()
    index, place = _place(watcher, deviation_id, found)
    one = watcher.watchlist.targets[index]
    expectation = one.duty.expectations[place]
    quiet = watcher.is_quiet(expectation.group)
    step = step_withdraw(one.tracked[place], expectation, one.subject(expectation), now, quiet)
    watcher.enter(index, place, step, None, now)


async def take_requests(watcher: Watcher, notice: Callable[[str], None]) -> bool:
    """Do what other processes left to be done; return whether there was anything."""
    left = await watcher.store.call(requests.take)
    for request, found in left:
        held = Acknowledged(request.by, request.note, request.at_unix, request.until_unix)
        try:
            _apply(watcher, request.deviation_id, found, held)
        except LocalError as error:
            notice(f"not acknowledged: {error}")
    return bool(left)


def _apply(
    watcher: Watcher, deviation_id: int, found: Deviation | None, held: Acknowledged
) -> None:
    index, place = _place(watcher, deviation_id, found)
    one = watcher.watchlist.targets[index]
    expectation = one.duty.expectations[place]
    subject, quiet = one.subject(expectation), watcher.is_quiet(expectation.group)
    step = step_acknowledge(one.tracked[place], expectation, subject, held, quiet)
    watcher.enter(index, place, step, None, held.at_unix)


def _place(watcher: Watcher, deviation_id: int, found: Deviation | None) -> tuple[int, int]:
    """Return where a deviation that lasts is in memory. Raises LocalError."""
    if found is None:
        raise LocalError(f"there is no deviation {deviation_id}")
    if found.ended_unix is not None:
        raise LocalError(f"deviation {deviation_id} is over")
    place = watcher.watchlist.find(found.target, found.group, found.key)
    if place is None:
        raise LocalError(f"deviation {deviation_id} is of a target that is not watched any more")
    return place
