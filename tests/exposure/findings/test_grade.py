"""Grades, and when they are only the best that is possible."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nethood.exposure.findings import Finding, Severity, assess, grade
from nethood.exposure.model import (
    HostReport,
    PortFacts,
    PortState,
    Target,
    known,
    unknown,
)
from tests.exposure import hosts


@pytest.mark.parametrize(
    ("severities", "letter"),
    [
        ([], "A"),
        (["info", "info"], "A"),
        (["low", "info"], "B"),
        (["medium", "low"], "C"),
        (["high"], "D"),
        (["high", "high", "medium"], "D"),
        (["high"] * 3, "E"),
        (["critical"], "F"),
    ],
)
def test_the_rule(severities: list[str], letter: str) -> None:
    findings = [Finding("x", Severity(severity), "x") for severity in severities]
    assert grade(findings) == letter


@pytest.mark.parametrize(
    ("make", "letter"),
    [
        (hosts.nethood, "A"),
        (hosts.domain_controller, "B"),
        (hosts.samba, "C"),
        (hosts.windows_10, "D"),
        (hosts.old_nas, "E"),
        (hosts.windows_xp, "F"),
        (hosts.silence, "-"),
    ],
)
def test_hosts_get_their_grade(make: Callable[[], HostReport], letter: str) -> None:
    judged = assess(make())
    assert (judged.grade, judged.at_best) == (letter, False)


@pytest.mark.parametrize("field", ["smb1", "dialects", "anonymous"])
def test_what_matters_and_is_unknown_makes_it_at_best(field: str) -> None:
    report = hosts.nethood()
    setattr(report, field, unknown("no answer within 3 s"))
    judged = assess(report)
    assert (judged.grade, judged.at_best) == ("A", True)


@pytest.mark.parametrize("field", ["shares", "pipes"])
@pytest.mark.parametrize(
    ("reason", "at_best"), [("no answer within 3 s", True), ("refused: STATUS_X", False)]
)
def test_a_look_around_that_broke_off_makes_it_at_best(
    field: str, reason: str, at_best: bool
) -> None:
    report = hosts.samba()
    setattr(report, field, unknown(reason))
    assert assess(report).at_best is at_best


def test_closed_ports_hide_nothing() -> None:
    report = HostReport(Target("192.168.1.1"))
    closed = known(PortFacts(PortState.CLOSED))
    report.ports = {"tcp/445": closed, "tcp/139": closed}
    judged = assess(report)
    assert (judged.grade, judged.at_best, judged.worst) == ("A", False, None)


def test_an_open_port_that_says_nothing_has_no_grade() -> None:
    report = HostReport(Target("192.168.1.1"))
    report.ports = {"tcp/445": known(PortFacts(PortState.OPEN, 1.0))}
    judged = assess(report)
    assert (judged.grade, judged.at_best) == ("-", False)
    assert judged.worst is Severity.INFO
