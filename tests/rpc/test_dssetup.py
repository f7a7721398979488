from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from impacket.dcerpc.v5 import dssp


@pytest.fixture
def setup(connect: Callable[..., Any]) -> Any:
    return connect("lsarpc", dssp.MSRPC_UUID_DSSP)


def test_a_server_in_a_workgroup(setup: Any) -> None:
    answer = dssp.hDsRolerGetPrimaryDomainInformation(setup, 1)
    info = answer["DomainInfo"]["DomainInfoBasic"]
    assert info["MachineRole"] == 2
    assert info["DomainNameFlat"] == "WORKGROUP\0"
    assert info["DomainNameDns"] == b""


@pytest.mark.parametrize("level", [2, 3])
def test_nothing_is_under_way(setup: Any, level: int) -> None:
    answer = dssp.hDsRolerGetPrimaryDomainInformation(setup, level)
    assert answer["DomainInfo"]["tag"] == level


def test_a_level_that_is_not_there(setup: Any) -> None:
    setup.call(0, b"\7\0")
    assert setup.recv()[-4:] == (87).to_bytes(4, "little")
