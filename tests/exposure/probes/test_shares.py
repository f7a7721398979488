"""The list of shares, what may be done there, and the difference between "no" and "unknown"."""

from __future__ import annotations

import pytest

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_BAD_NETWORK_NAME,
    STATUS_OBJECT_NAME_NOT_FOUND,
)
from nethood.errors import ConnectionLost, Error, StatusError
from nethood.exposure.findings.kinds.access import may_read, may_write
from nethood.exposure.model import ShareFacts, Target
from nethood.exposure.probes.shares import (
    MAX_CONNECTED,
    MAX_LISTED,
    access_in_words,
    list_shares,
    server_name,
)
from nethood.rpc.client import BindRefused, RpcFault
from nethood.rpc.srvsvc_client import ShareInfo
from tests.exposure.probes.fake_dialogue import FakeDialogue, answer_of

HIDDEN = 0x80000000
DENIED = StatusError(STATUS_ACCESS_DENIED, "the server answered X with STATUS_ACCESS_DENIED")
LISTED = answer_of(
    ShareInfo("files", 0, "all of them"),
    ShareInfo("C$", HIDDEN, "Default share"),
    ShareInfo("laser", 1, ""),
    ShareInfo("IPC$", HIDDEN | 3, "IPC Service"),
)


async def test_each_share_with_its_access() -> None:
    dialogue = FakeDialogue(listed=LISTED, access={"files": 0x001200A9, "C$": DENIED})
    answer = await list_shares(dialogue.real)
    assert answer.value == [
        ShareFacts("files", "disk", "all of them", "0x001200A9 read, execute"),
        ShareFacts("C$", "disk, hidden", "Default share", "refused: STATUS_ACCESS_DENIED"),
        ShareFacts("laser", "printer"),
        ShareFacts("IPC$", "ipc, hidden", "IPC Service"),
    ]
    assert dialogue.connected == ["files", "C$"]
    assert [seen.sent for seen in answer.evidence] == [
        "TREE_CONNECT to IPC$",
        "NetrShareEnum at level 1",
        "TREE_CONNECT to files",
        "TREE_CONNECT to C$",
    ]
    assert dialogue.opened == [], "no file and no pipe is opened by hand"


async def test_ipc_is_never_a_disk() -> None:
    """impacket lists IPC$ as one."""
    dialogue = FakeDialogue(listed=answer_of(ShareInfo("IPC$", 0, "")))
    await list_shares(dialogue.real)
    assert dialogue.connected == []


async def test_none_listed_is_an_empty_answer() -> None:
    answer = await list_shares(FakeDialogue().real)
    assert answer.value == []


@pytest.mark.parametrize(
    ("dialogue", "reason"),
    [
        (FakeDialogue(ipc=DENIED), "refused: the server answered X with STATUS_ACCESS_DENIED"),
        (FakeDialogue(listed=DENIED), "refused: the server answered X with STATUS_ACCESS_DENIED"),
        (FakeDialogue(listed=RpcFault(5)), "refused: NetrShareEnum at level 1: the remote"),
        (
            FakeDialogue(listed=answer_of(status=5)),
            "refused: NetrShareEnum at level 1: the server answered with ERROR_ACCESS_DENIED",
        ),
        (
            FakeDialogue(listed=answer_of(status=8)),
            "NetrShareEnum at level 1: the server answered with Win32 error 8",
        ),
        (FakeDialogue(listed=RpcFault(0x1C010002)), "NetrShareEnum at level 1: the remote"),
        (FakeDialogue(listed=BindRefused("no such interface")), "no such interface"),
        (
            FakeDialogue(listed=StatusError(STATUS_OBJECT_NAME_NOT_FOUND, "no pipe srvsvc")),
            "no pipe srvsvc",
        ),
        (FakeDialogue(ipc=StatusError(STATUS_BAD_NETWORK_NAME, "no IPC$")), "no IPC$"),
    ],
)
async def test_refused_is_not_unknown(dialogue: FakeDialogue, reason: str) -> None:
    answer = await list_shares(dialogue.real)
    assert answer.value is None
    assert answer.unknown.startswith(reason)
    assert answer.evidence


async def test_a_connection_that_ends_is_for_the_caller() -> None:
    with pytest.raises(ConnectionLost):
        await list_shares(FakeDialogue(listed=ConnectionLost("gone")).real)


async def test_a_connection_that_ends_later_leaves_the_list() -> None:
    dialogue = FakeDialogue(listed=LISTED, access={"files": 1, "C$": ConnectionLost("gone")})
    answer = await list_shares(dialogue.real)
    assert answer.value is not None
    assert [share.maximal_access for share in answer.value] == ["0x00000001 read", "", "", ""]
    assert answer.evidence[-1].got == "gone"


async def test_limits() -> None:
    many = answer_of(*(ShareInfo(f"s{n}", 0, "") for n in range(MAX_LISTED + 9)), status=234)
    dialogue = FakeDialogue(listed=many)
    answer = await list_shares(dialogue.real)
    assert answer.value is not None
    assert len(answer.value) == MAX_LISTED
    assert len(dialogue.connected) == MAX_CONNECTED
    assert answer.evidence[1].got.endswith("says there are more")
    assert answer.evidence[-1].got == f"not asked: {MAX_LISTED - MAX_CONNECTED} shares more"


@pytest.mark.parametrize(
    ("mask", "words", "read", "write"),
    [
        (0x001F01FF, "full control", True, True),
        (0x000F01FF, "full control", True, True),
        (0x10000000, "full control", True, True),
        (0x001301BF, "change", True, True),
        (0x001200A9, "read, execute", True, False),
        (0x80000000, "read", True, False),
        (0x00120089, "read", True, False),
        (0x00000002, "write", False, True),
        (0x00000042, "write, delete", False, True),
        (0x00040002, "write, change permissions", False, True),
        (0x00040000, "nothing", False, False),
        (0x00120080, "nothing", False, False),
        (0, "nothing", False, False),
    ],
)
def test_access_in_words(mask: int, words: str, read: bool, write: bool) -> None:
    """The words, and what the findings make of them."""
    facts = ShareFacts("files", "disk", "", access_in_words(mask))
    assert facts.maximal_access == f"0x{mask:08X} {words}"
    assert may_write(facts) is write
    assert may_read(facts) is read or write


def test_standard_rights_of_a_share_that_is_read_only() -> None:
    """smbd 4.17 says this mask of a share with "read only = yes"."""
    words = access_in_words(0x001F00A9)
    assert words == "0x001F00A9 read, execute"
    assert not may_write(ShareFacts("files", "disk", "", words))


@pytest.mark.parametrize("problem", [DENIED, StatusError(STATUS_BAD_NETWORK_NAME)])
async def test_a_refused_share_grants_nothing(problem: Error) -> None:
    dialogue = FakeDialogue(listed=LISTED, access={"files": problem, "C$": problem})
    answer = await list_shares(dialogue.real)
    assert answer.value is not None
    assert not any(may_read(share) or may_write(share) for share in answer.value)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001-db8--7.ipv6-literal.net"),
        ("fe80::1%eth0", "fe80--1seth0.ipv6-literal.net"),
    ],
)
def test_a_share_path_has_no_colons(address: str, name: str) -> None:
    assert server_name(Target(address)) == name
