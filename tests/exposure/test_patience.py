"""When a host is asked nothing more."""

from __future__ import annotations

import pytest

from nethood.errors import ConnectError, ConnectionLost, Error, Malformed, TimedOut
from nethood.exposure.model import ServerFacts, Signing, known
from nethood.exposure.patience import not_asked, note_failure, sentence_of
from tests.exposure.probes.fake_smb import context_of, greeting


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (TimedOut("no answer"), True),
        (Malformed("Header", "is cut off"), True),
        (ConnectionLost("closed"), False),
        (ConnectError("refused"), False),
    ],
)
def test_what_ends_the_asking(error: Error, ends: bool) -> None:
    context = context_of(greeting)
    sentence = note_failure(context, error, 0.1)
    assert sentence == sentence_of(error)
    assert bool(context.given_up) is ends
    assert not ends or not_asked(context) == f"not asked after: {sentence}"


def test_garbage_from_a_host_that_spoke_sense_is_one_failure() -> None:
    context = context_of(greeting)
    context.report.server = known(
        ServerFacts(0x0311, Signing.ENABLED, "", None, None, None, [], [])
    )
    note_failure(context, Malformed("ErrorResponse", "is cut off"), 0.1)
    assert not context.given_up


def test_failures_add_up_to_a_time_out() -> None:
    context = context_of(greeting)
    for elapsed_s in (1.4, 1.4):
        note_failure(context, ConnectionLost("closed"), elapsed_s)
        assert not context.given_up
    note_failure(context, ConnectionLost("closed"), 0.4)
    assert context.given_up == "failures that took 3.2 s, the last: closed"


def test_the_first_reason_stays() -> None:
    context = context_of(greeting)
    note_failure(context, TimedOut("first"), 3)
    note_failure(context, TimedOut("second"), 3)
    assert context.given_up == "first"


def test_an_error_without_words_has_a_name() -> None:
    assert sentence_of(ConnectionLost()) == "ConnectionLost"
