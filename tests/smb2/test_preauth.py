"""The preauthentication hash chain, against a published multichannel session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nethood.smb2.preauth import PreauthIntegrity

FILE = Path(__file__).parents[1] / "crypto" / "vectors.json"
SESSION = json.loads(FILE.read_text())["smb311_multichannel"]


@pytest.mark.parametrize("channel", ["channel1", "channel2_binding"])
def test_chain_of_a_published_session(channel: str) -> None:
    vector = SESSION[channel]
    preauth = PreauthIntegrity()
    for name in ("neg_req", "neg_rsp", "ss1_req", "ss1_rsp", "ss2_req"):
        preauth.update(memoryview(bytes.fromhex(vector[name])))
        assert preauth.value.hex().upper() == vector[f"{name}_hash"], name
    assert preauth.value.hex().upper() == vector["preauth_hash"]


def test_a_fork_goes_its_own_way() -> None:
    connection = PreauthIntegrity()
    connection.update(b"negotiate")
    session = connection.fork()
    assert session.value == connection.value
    session.update(b"session setup")
    assert session.value != connection.value
