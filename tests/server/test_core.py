"""The parts of the server's core that tests of the protocol do not reach."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from nethood import erref
from nethood.errors import StatusError
from nethood.server.core import thread_runner
from nethood.server.results import Result


def outcome(work: Callable[[], Result]) -> Result:
    """Run *work* in a thread as the server does; return what its requester is told."""
    told: list[Result] = []
    with ThreadPoolExecutor(1) as executor:
        run = thread_runner(executor, lambda callback, *args: callback(*args))
        run(work, told.append)
    (result,) = told
    return result


def fail(error: Exception) -> Result:
    raise error


def test_what_a_thread_returns_is_told() -> None:
    assert outcome(lambda: b"done") == b"done"


def test_a_status_is_told() -> None:
    assert outcome(lambda: fail(StatusError(erref.STATUS_DISK_FULL))) == (
        erref.STATUS_DISK_FULL,
        b"",
    )


def test_a_fault_of_ours_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        result = outcome(lambda: fail(ValueError("a bug")))
    assert result == (erref.STATUS_INTERNAL_ERROR, b"")
    assert "a bug" in caplog.text
