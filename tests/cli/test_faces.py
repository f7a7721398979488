"""What `nethood serve` says: to scripts, to logs, and to people at a terminal."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from nethood.cli.events import as_json, printable
from nethood.cli.faces import JsonFace, PlainFace, Welcome, welcome_lines
from nethood.cli.live import LiveFace, Rates, duration, protection, size, table
from nethood.cli.mounts import Target
from nethood.server import ClientRow, Event, Server

TARGET = Target("192.168.1.5", 4450, "Public", "alice")
WELCOME = Welcome([TARGET], "alice", "fast-blue-horse", ["Port 445 can't be used: because."])
LOGIN = Event("login", "alice logged in", {"user": "alice", "dialect": "3.1.1"})


def row(port: int = 50000, read: int = 0, written: int = 0, encrypted: bool = False) -> ClientRow:
    return ClientRow(
        address="192.168.1.9",
        port=port,
        user="alice",
        dialect="3.1.1",
        signed=True,
        encrypted=encrypted,
        bytes_read=read,
        bytes_written=written,
        opens=2,
        connected_s=3725.0,
        shares=("Public",),
    )


class StillServer(Server):
    """A server that was never started and always has the same clients."""

    def __init__(self, rows: list[ClientRow]) -> None:
        super().__init__({}, {})
        self.rows = rows
        self.asked = asyncio.Event()

    def snapshot(self) -> list[ClientRow]:
        self.asked.set()
        return self.rows


def test_an_event_is_one_json_object_on_one_line() -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, 123456, UTC)
    line = as_json("login", "two\nlines", {"user": "zoë\ud800", "odd": {1}}, moment)
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line) == {
        "time": "2024-05-06T07:08:09.123+00:00",
        "event": "login",
        "sentence": "two\nlines",
        "user": "zoë\ud800",
        "odd": "{1}",
    }


def test_what_peers_send_can_not_steer_a_terminal() -> None:
    assert printable("zoë \x1b[2J\r\n\x9b\u202e\ud800") == "zoë \\x1b[2J\\r\\n\\x9b\\u202e\\ud800"


async def test_the_json_face_prints_nothing_but_json(capsys: pytest.CaptureFixture[str]) -> None:
    face, stop = JsonFace(), asyncio.Event()
    face.event(LOGIN)
    face.welcome(WELCOME)
    stop.set()
    await face.watch(StillServer([row()]), stop)
    face.goodbye()
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events] == ["login", "note", "ready", "stopping"]
    assert events[0]["dialect"] == "3.1.1"
    assert (events[2]["password"], events[2]["shares"]) == ("fast-blue-horse", ["Public"])
    assert err == ""


def test_the_plain_face(capsys: pytest.CaptureFixture[str]) -> None:
    face = PlainFace()
    face.event(Event("listening", "listening on 127.0.0.1 port 445"))
    face.event(LOGIN)
    face.goodbye()
    first, second = capsys.readouterr().out.splitlines()
    assert first == "alice logged in"
    assert second.startswith("stopping")


def test_the_welcome_has_password_and_every_mount_line() -> None:
    lines = welcome_lines(WELCOME)
    assert lines[0] == "Port 445 can't be used: because."
    assert lines[1] == "User alice, password fast-blue-horse (made for this run, shown only now)"
    assert "  smbclient: smbclient //192.168.1.5/Public -U alice -p 4450" in lines
    assert len([line for line in lines if line.startswith("  ")]) == 4


def test_a_known_password_is_not_printed() -> None:
    assert welcome_lines(Welcome([], "alice"))[0] == "User alice"


def test_rates_are_per_connection_and_second() -> None:
    rates = Rates(10.0)
    assert rates.update([row(1, read=500)], 11.0) == {("192.168.1.9", 1): (0.0, 0.0)}
    got = rates.update([row(1, read=2500, written=100), row(2, read=9)], 13.0)
    assert got == {("192.168.1.9", 1): (1000.0, 50.0), ("192.168.1.9", 2): (0.0, 0.0)}
    assert rates.update([], 13.0) == {}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (2.5e6, "2.5 MB"),
        (3e9, "3.0 GB"),
        (7e12, "7.0 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


def test_durations_and_protection() -> None:
    assert duration(3725.9) == "1:02:05"
    assert protection(row(encrypted=True)) == "encrypted"
    assert protection(row()) == "signed"


def drawn(rows: list[ClientRow], width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(rows, {("192.168.1.9", 50000): (1.5e6, 0.0)}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_shows_who_from_where_how_and_how_fast() -> None:
    text = drawn([row(read=3_000_000, encrypted=True)])
    for word in ("alice", "192.168.1.9", "3.1.1", "encrypted", "1.5 MB/s", "1:02:05"):
        assert word in text
    assert drawn([]) == "Nobody is connected.\n"


def test_on_a_narrow_terminal_the_address_stays_whole() -> None:
    text = drawn([row(read=3_000_000, encrypted=True)], 60)
    for word in ("alice", "192.168.1.9", "1.5 MB/s", "1:02:05"):
        assert word in text


async def test_the_live_view_shows_events_above_the_table_and_stops_when_told() -> None:
    screen = io.StringIO()
    face = LiveFace(Console(file=screen, width=120, force_terminal=True))
    stop, server = asyncio.Event(), StillServer([row()])
    watching = asyncio.create_task(face.watch(server, stop))
    await asyncio.wait_for(server.asked.wait(), 10)
    assert "alice" in screen.getvalue()
    face.event(Event("login", "[bold]bob[/bold] logged in"))
    stop.set()
    await asyncio.wait_for(watching, 10)
    assert "[bold]bob[/bold] logged in" in screen.getvalue()
