from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from impacket.dcerpc.v5 import wkst
from impacket.dcerpc.v5.rpcrt import DCERPCException

Connect = Callable[..., Any]


@pytest.fixture
def station(connect: Connect) -> Any:
    return connect("wkssvc", wkst.MSRPC_UUID_WKST)


@pytest.mark.parametrize("level", [100, 101, 102])
def test_wksta_get_info(station: Any, host: Any, level: int) -> None:
    host.log_on("root", is_admin=True)
    info = wkst.hNetrWkstaGetInfo(station, level)["WkstaInfo"][f"WkstaInfo{level}"]
    assert info[f"wki{level}_computername"] == "BIRCH\0"
    assert info[f"wki{level}_langroup"] == "WORKGROUP\0"
    assert (info[f"wki{level}_ver_major"], info[f"wki{level}_ver_minor"]) == (6, 1)
    if level == 102:
        assert info["wki102_logged_on_users"] == 2


@pytest.mark.parametrize(
    ("user", "level", "status"),
    [("alice", 102, 5), ("", 101, 5), ("", 100, 0), ("alice", 502, 124)],
)
def test_who_may_ask_for_which_level(
    station: Any, host: Any, user: str, level: int, status: int
) -> None:
    host.log_on(user)
    if not status:
        assert wkst.hNetrWkstaGetInfo(station, level)["ErrorCode"] == 0
        return
    with pytest.raises(DCERPCException) as refused:
        wkst.hNetrWkstaGetInfo(station, level)
    assert refused.value.get_error_code() == status


@pytest.mark.parametrize("level", [0, 1])
def test_nobody_sits_here(station: Any, host: Any, level: int) -> None:
    with pytest.raises(DCERPCException) as refused:
        wkst.hNetrWkstaUserEnum(station, level)
    assert refused.value.get_error_code() == 5
    host.log_on("root", is_admin=True)
    assert wkst.hNetrWkstaUserEnum(station, level)["TotalEntries"] == 0


def test_no_transports(station: Any) -> None:
    assert wkst.hNetrWkstaTransportEnum(station, 0)["TotalEntries"] == 0


def test_join_information(station: Any) -> None:
    answer = wkst.hNetrGetJoinInformation(station, "\0")
    assert (answer["NameBuffer"], answer["BufferType"]) == ("WORKGROUP\0", 2)


def test_computer_names(station: Any) -> None:
    (name,) = wkst.hNetrEnumerateComputerNames(station, 0)["ComputerNames"]["ComputerNames"]
    assert name["Data"] == "BIRCH"
    assert wkst.hNetrEnumerateComputerNames(station, 1)["ComputerNames"]["EntriesRead"] == 0
