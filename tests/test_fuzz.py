"""A short, repeatable run of every fuzz target; `make fuzz` is the long one."""

from __future__ import annotations

from random import Random

import pytest

from fuzz.run import Broken, attempt, rounds
from fuzz.targets import Target, all_targets
from nethood.errors import Malformed

TARGETS = all_targets()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_bytes_are_decoded_or_malformed(target: Target) -> None:
    rounds(target, Random(target.name), 400)


def test_the_decoders_are_found() -> None:
    names = {target.name for target in TARGETS}
    assert len(names) > 100
    assert {
        "smb2.header.Header",
        "smb2.lock.LockRequest.decode",
        "fscc.ea.decode_eas",
        "nbt.session.SessionRequest.decode",
        "rpc.pdu.Header.decode",
        "smb2.messages.decode_request 5",
    } <= names


def test_a_decoder_that_breaks_is_a_finding() -> None:
    def broken(data: bytes) -> int:
        return data[3]

    def sound(data: bytes) -> int:
        raise Malformed("Sound", "always")

    with pytest.raises(Broken, match="IndexError"):
        rounds(Target("broken", broken), Random(1), 100)
    assert rounds(Target("sound", sound), Random(1), 100) == 0
    assert not attempt(Target("sound", sound), b"")
