"""Alerts as people read them."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from nethood.errors import LocalError
from nethood.exposure.watch.alerts.render import (
    heartbeat_alert,
    subject_line,
    text_of,
    trial_alert,
)
from nethood.exposure.watch.events import (
    Alert,
    AlertKind,
    Tally,
    alert_from_json,
    alert_to_json,
)
from tests.exposure.watch.alerts.examples import DEVIATES

TEXT = """\
DEVIATES nas.example (10.1.0.7): port 445 is open; expected: 445/tcp closed

Host:      nas.example (10.1.0.7)
Group:     lab
Expected:  445/tcp closed
Seen:      port 445 is open
Before:    port 445 is closed
Since:     2026-11-21 00:01:35 UTC, told at 2026-11-21 00:02:05 UTC
Event:     """


def test_a_deviation() -> None:
    text = text_of(DEVIATES)
    assert text.startswith(TEXT + DEVIATES.id + "\n")
    for part in (
        "What shows it:\n  connect to tcp/445 → accepted\n",
        "What to do:\n  On the host: nethood harden plan\n",
        "What it means:\n  nethood findings smb-reachable\n",
        "--acknowledge 17\n",
    ):
        assert part in text
    assert "2026-11-21 01:02:05 CET" in text_of(DEVIATES, ZoneInfo("Europe/Zurich"))


def test_what_is_over_needs_no_acknowledgement() -> None:
    text = text_of(replace(DEVIATES, kind=AlertKind.RECOVERED, fix=(), finding_ids=()))
    assert "acknowledge" not in text
    assert "What to do" not in text
    assert text.startswith("RECOVERED ")


def test_strangers_write_no_lines_and_no_escapes() -> None:
    hostile = replace(
        DEVIATES, title="a\r\nBcc: x\x1b[2J\u202e", observed="b\nc", evidence=("d\n",)
    )
    assert "\n" not in subject_line(hostile)
    text = text_of(hostile)
    assert all(line.isprintable() for line in text.splitlines())
    assert not any(line.startswith(("Bcc", "c")) for line in text.splitlines())


def test_a_test_is_plainly_one() -> None:
    alert = trial_alert("ops", 1.0)
    assert alert.kind is AlertKind.TEST
    assert "This is a test of nethood watch" in text_of(alert)
    assert alert.id != trial_alert("mail", 1.0).id


@pytest.mark.parametrize(
    ("tally", "title"),
    [
        (Tally(as_expected=312), "still as it should be: 312 expectations, last checked 2026-"),
        (Tally(as_expected=1), "still as it should be: 1 expectation, "),
        (Tally(300, 2, 1, 4, 5), "12 of 312 expectations not as they should be, or not known"),
        (Tally(), "nothing is watched yet"),
    ],
)
def test_a_heartbeat(tally: Tally, title: str) -> None:
    alert = heartbeat_alert(tally, 1795219325.0, 1795219300.0, ("ops",), ["10.1.0.7: open"])
    assert alert.title.startswith(title)
    assert "10.1.0.7: open" in alert.members


def test_a_heartbeat_says_what_may_not_have_arrived() -> None:
    alert = heartbeat_alert(Tally(1), 10.0, None, ("ops",), (), ["ops: host is open"])
    assert alert.title.endswith("not checked yet")
    assert "  ops: host is open\n" in text_of(alert)
    assert "HEARTBEAT" in text_of(alert)


@pytest.mark.parametrize("alert", [DEVIATES, trial_alert("x", 1.0)])
def test_an_alert_goes_to_the_store_and_back(alert: Alert) -> None:
    assert alert_from_json(alert_to_json(alert)) == alert


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema":2}', '{"schema":1,"kind":"x"}'])
def test_what_is_no_alert(text: str) -> None:
    with pytest.raises(LocalError):
        alert_from_json(text)
