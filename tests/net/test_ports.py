"""Whether a port may be listened on, and who has it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from nethood.net.ports import holder, why_not


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_free_port_is_free() -> None:
    assert why_not("127.0.0.1", 0) is None


def test_the_question_leaves_the_port_free(taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    assert why_not("127.0.0.1", port) is None
    assert why_not("127.0.0.1", port) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a port")
def test_a_taken_port_names_its_holder(taken: int) -> None:
    reason = why_not("127.0.0.1", taken)
    assert reason is not None
    assert f"(process {os.getpid()}) has it" in reason
    assert holder(taken) == reason


def test_an_address_of_another_machine_is_refused() -> None:
    assert why_not("192.0.2.77", 0)


def test_nobody_holds_what_nobody_listens_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert holder(port) is None
