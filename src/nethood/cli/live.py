"""The live view on a terminal: who is connected from where, how protected, how fast."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nethood.cli.events import printable
from nethood.cli.faces import PlainFace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nethood.server import ClientRow, Event, Server

REFRESH_S = 1.0
Key = tuple[str, int]


class Rates:
    """Turn the byte counts of successive snapshots into bytes per second, per connection."""

    def __init__(self, now_s: float) -> None:
        self._at_s = now_s
        self._before: dict[Key, tuple[int, int]] = {}

    def update(self, rows: Sequence[ClientRow], now_s: float) -> dict[Key, tuple[float, float]]:
        """Return (reading, writing) in bytes per second for each connection of *rows*."""
        elapsed = max(now_s - self._at_s, 1e-3)
        counts = {key(row): (row.bytes_read, row.bytes_written) for row in rows}
        rates = {}
        for client, (read, written) in counts.items():
            read_before, written_before = self._before.get(client, (read, written))
            rates[client] = (
                max(read - read_before, 0) / elapsed,
                max(written - written_before, 0) / elapsed,
            )
        self._at_s, self._before = now_s, counts
        return rates


def key(row: ClientRow) -> Key:
    """Return what tells one connection from another."""
    return row.address, row.port


def protection(row: ClientRow) -> str:
    """Return the strongest protection a client's session has."""
    if row.encrypted:
        return "encrypted"
    return "signed" if row.signed else "none"


def size(count: float) -> str:
    """Return *count* bytes as people write it, in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Return *seconds* as h:mm:ss."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"


def table(rows: Sequence[ClientRow], rates: dict[Key, tuple[float, float]]) -> Table | str:
    """Return the view of all clients, or a line where there is none."""
    if not rows:
        return "Nobody is connected."
    view = Table(box=None, pad_edge=False, header_style="bold")
    # Where it is narrow, who and from where stay whole; what folds is what can be spared.
    for column in ("User", "From", "SMB", "Protection"):
        view.add_column(column, no_wrap=column in ("User", "From"))
    for column in ("Open", "Reading", "Writing", "Time"):
        view.add_column(column, justify="right", no_wrap=column != "Open")
    for row in rows:
        reading, writing = rates.get(key(row), (0.0, 0.0))
        view.add_row(
            Text(printable(row.user) or "-"),
            row.address,
            row.dialect or "-",
            protection(row),
            str(row.opens),
            f"{size(reading)}/s",
            f"{size(writing)}/s",
            duration(row.connected_s),
        )
    return view


class LiveFace(PlainFace):
    """The plain lines, and below them a table that is drawn anew every second."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.live: Live | None = None

    def event(self, event: Event) -> None:
        if self.live is None:
            super().event(event)
        else:
            text = Text(printable(event.sentence))
            self.console.print(text, soft_wrap=True)

    async def watch(self, server: Server, stop: asyncio.Event) -> None:
        rates = Rates(time.monotonic())
        with Live(console=self.console, auto_refresh=False, transient=True) as self.live:
            while not stop.is_set():
                rows = server.snapshot()
                self.live.update(table(rows, rates.update(rows, time.monotonic())), refresh=True)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), REFRESH_S)
        self.live = None
