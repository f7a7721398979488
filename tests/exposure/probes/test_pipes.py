"""Pipes are opened and closed, each with its status; how far a broken connection came."""

from __future__ import annotations

import pytest

from nethood.erref import STATUS_ACCESS_DENIED
from nethood.errors import ConnectionLost, StatusError
from nethood.exposure.findings.kinds.pipes import ACCOUNTS, COERCION
from nethood.exposure.probes.pipes import PIPES, try_pipes
from tests.exposure.probes.fake_dialogue import FakeDialogue

DENIED = StatusError(STATUS_ACCESS_DENIED, "the server answered X with STATUS_ACCESS_DENIED")


async def test_each_pipe_with_its_status() -> None:
    dialogue = FakeDialogue(pipes={"lsarpc": None, "spoolss": DENIED})
    answer = await try_pipes(dialogue.real)
    assert answer.value is not None
    found = {pipe.name: (pipe.opens, pipe.status) for pipe in answer.value}
    assert tuple(found) == PIPES
    assert found["lsarpc"] == (True, "STATUS_SUCCESS")
    assert found["spoolss"] == (False, "STATUS_ACCESS_DENIED")
    assert found["efsrpc"] == (False, "STATUS_OBJECT_NAME_NOT_FOUND")
    assert dialogue.closed == ["lsarpc"]
    assert len(answer.evidence) == len(PIPES)


async def test_without_ipc_it_is_refused() -> None:
    dialogue = FakeDialogue(ipc=DENIED)
    answer = await try_pipes(dialogue.real)
    assert answer.value is None
    assert answer.unknown == "refused: the server answered X with STATUS_ACCESS_DENIED"
    assert dialogue.opened == []


async def test_what_was_found_before_the_end_stays() -> None:
    dialogue = FakeDialogue(pipes={PIPES[2]: ConnectionLost("gone")})
    answer = await try_pipes(dialogue.real)
    assert answer.value is not None
    assert [pipe.name for pipe in answer.value] == list(PIPES[:2])
    assert answer.evidence[-1].got == "gone"


async def test_an_end_before_the_first_is_for_the_caller() -> None:
    with pytest.raises(ConnectionLost):
        await try_pipes(FakeDialogue(pipes={PIPES[0]: ConnectionLost("gone")}).real)


def test_every_pipe_a_finding_knows_is_tried() -> None:
    assert {*COERCION, *ACCOUNTS} <= {name.lower() for name in PIPES}
