from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from impacket.dcerpc.v5 import srvs
from impacket.dcerpc.v5.dtypes import NULL
from impacket.dcerpc.v5.rpcrt import DCERPCException

from nethood.rpc.host import ShareFacts
from nethood.rpc.srvsvc import OPERATIONS

Connect = Callable[..., Any]


@pytest.fixture
def server(connect: Connect) -> Any:
    return connect("srvsvc", srvs.MSRPC_UUID_SRVS)


def shares_of(answer: Any, level: int) -> Any:
    return answer["InfoStruct"]["ShareInfo"][f"Level{level}"]["Buffer"]


def text(value: str) -> str:
    return value.rstrip("\0")


def test_shares_at_level_1(server: Any) -> None:
    answer = srvs.hNetrShareEnum(server, 1)
    assert [
        (text(s["shi1_netname"]), s["shi1_type"], text(s["shi1_remark"]))
        for s in shares_of(answer, 1)
    ] == [("public", 0, "Public files"), ("IPC$", 0x80000003, "IPC Service")]
    assert (answer["TotalEntries"], answer["ErrorCode"]) == (2, 0)


def test_hidden_shares_are_found_by_name_only(server: Any) -> None:
    assert "attic" not in str(shares_of(srvs.hNetrShareEnum(server, 0), 0))
    info = srvs.hNetrShareGetInfo(server, "ATTIC\0", 1)["InfoStruct"]["ShareInfo1"]
    assert text(info["shi1_netname"]) == "attic"


@pytest.mark.parametrize("level", [0, 1, 2, 501, 502, 503])
def test_every_level_of_share_enum_parses(server: Any, level: int, host: Any) -> None:
    host.share_list[0] = ShareFacts("public", security_descriptor=b"\1\2\3", path="C:\\x")
    host.log_on("root", is_admin=True)
    first = shares_of(srvs.hNetrShareEnum(server, level), level)[0]
    assert text(first[f"shi{level}_netname"]) == "public"
    if level in (502, 503):
        assert first[f"shi{level}_security_descriptor"] == [b"\1", b"\2", b"\3"]


def test_only_administrators_see_paths(server: Any, host: Any) -> None:
    assert text(shares_of(srvs.hNetrShareEnum(server, 2), 2)[0]["shi2_path"]) == ""
    host.log_on("root", is_admin=True)
    share = shares_of(srvs.hNetrShareEnum(server, 2), 2)[0]
    assert text(share["shi2_path"]) == "C:\\srv\\public"
    assert (share["shi2_max_uses"], share["shi2_current_uses"]) == (10, 2)


@pytest.mark.parametrize(("level", "status"), [(0, 0), (1, 0), (2, 5), (501, 5), (502, 5)])
def test_what_an_anonymous_caller_sees_of_shares(
    server: Any, host: Any, level: int, status: int
) -> None:
    host.log_on("")
    if not status:
        assert len(shares_of(srvs.hNetrShareEnum(server, level), level)) == 2
        return
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrShareEnum(server, level)
    assert refused.value.get_error_code() == status


def test_a_long_list_comes_in_pages(server: Any, host: Any) -> None:
    host.share_list = [ShareFacts(f"share{n:04}", comment="x" * 40) for n in range(300)]
    names: list[str] = []
    resume, calls = 0, 0
    while calls < 50:
        request = srvs.NetrShareEnum()
        request["ServerName"] = "birch\0"
        request["PreferedMaximumLength"] = 4000
        request["ResumeHandle"] = resume
        request["InfoStruct"]["ShareInfo"]["tag"] = 1
        request["InfoStruct"]["Level"] = 1
        request["InfoStruct"]["ShareInfo"]["Level1"]["Buffer"] = NULL
        answer = server.request(request, checkError=False)
        calls += 1
        assert answer["TotalEntries"] == 300 - len(names)
        names += [text(s["shi1_netname"]) for s in shares_of(answer, 1)]
        resume = answer["ResumeHandle"]
        if answer["ErrorCode"] == 0:
            break
        assert answer["ErrorCode"] == 234
    assert names == [f"share{n:04}" for n in range(300)]
    assert calls > 5
    assert resume == 0


def test_a_buffer_too_small_for_one_share(server: Any) -> None:
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrShareEnum(server, 1, preferedMaximumLength=8)
    assert refused.value.get_error_code() == 2123


def test_an_answer_of_many_fragments(server: Any, host: Any) -> None:
    host.share_list = [ShareFacts(f"share{n:04}", comment="c" * 200) for n in range(500)]
    assert len(shares_of(srvs.hNetrShareEnum(server, 1), 1)) == 500


def test_sticky_shares_have_no_level_501(server: Any) -> None:
    assert len(shares_of(srvs.hNetrShareEnumSticky(server, 502), 502)) == 2
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrShareEnumSticky(server, 501)
    assert refused.value.get_error_code() == 124


@pytest.mark.parametrize("level", [0, 1, 2, 501, 502, 503, 1004, 1005, 1006])
def test_share_get_info(server: Any, level: int) -> None:
    info = srvs.hNetrShareGetInfo(server, "Public\0", level)["InfoStruct"][f"ShareInfo{level}"]
    expected = {1004: ("remark", "Public files\0"), 1005: ("flags", 0x30), 1006: ("max_uses", 10)}
    member, value = expected.get(level, ("netname", "public\0"))
    assert info[f"shi{level}_{member}"] == value


@pytest.mark.parametrize(
    ("name", "level", "status"), [("nosuch\0", 1, 2310), ("\0", 1, 87), ("public\0", 1501, 124)]
)
def test_share_get_info_refusals(server: Any, name: str, level: int, status: int) -> None:
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrShareGetInfo(server, name, level)
    assert refused.value.get_error_code() == status


def test_share_check(server: Any, host: Any) -> None:
    request = srvs.NetrShareCheck()
    request["ServerName"] = NULL
    request["Device"] = "c:\\SRV\\public\0"
    with pytest.raises(DCERPCException) as refused:
        server.request(request)
    assert refused.value.get_error_code() == 2311
    host.log_on("root", is_admin=True)
    assert server.request(request)["Type"] == 0


@pytest.mark.parametrize("level", [100, 101, 102, 103])
def test_server_get_info(server: Any, level: int) -> None:
    info = srvs.hNetrServerGetInfo(server, level)["InfoStruct"][f"ServerInfo{level}"]
    assert text(info[f"sv{level}_name"]) == "BIRCH"
    assert info[f"sv{level}_platform_id"] == 500
    if level > 100:
        assert (info[f"sv{level}_version_major"], info[f"sv{level}_version_minor"]) == (6, 1)
        assert text(info[f"sv{level}_comment"]) == "Files of the house"


@pytest.mark.parametrize("level", [502, 503])
def test_server_tuning_levels_parse(server: Any, level: int) -> None:
    info = srvs.hNetrServerGetInfo(server, level)["InfoStruct"][f"ServerInfo{level}"]
    assert info[f"sv{level}_sessopens"] == 0
    if level == 503:
        assert text(info["sv503_domain"]) == "WORKGROUP"


@pytest.mark.parametrize("level", [599, 1510])
def test_server_levels_that_are_not_served(server: Any, level: int) -> None:
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrServerGetInfo(server, level)
    assert refused.value.get_error_code() == 124


def test_server_get_info_of_an_anonymous_caller(server: Any, host: Any) -> None:
    host.log_on("")
    assert srvs.hNetrServerGetInfo(server, 101)["ErrorCode"] == 0
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrServerGetInfo(server, 102)
    assert refused.value.get_error_code() == 5


def test_remote_time_of_day(server: Any) -> None:
    tod = srvs.hNetrRemoteTOD(server)["BufferPtr"]
    assert tod["tod_elapsedt"] == 1_700_000_000
    assert [tod[f"tod_{n}"] for n in ("year", "month", "day", "weekday")] == [2023, 11, 14, 2]
    assert [tod[f"tod_{n}"] for n in ("hours", "mins", "secs", "hunds")] == [22, 13, 20, 12]
    assert (tod["tod_timezone"], tod["tod_msecs"]) == (0xFFFFFFFF - 59, 12345)


@pytest.mark.parametrize("level", [0, 1, 2, 10, 502])
def test_sessions(server: Any, level: int) -> None:
    answer = srvs.hNetrSessionEnum(server, NULL, NULL, level)
    first, second = answer["InfoStruct"]["SessionInfo"][f"Level{level}"]["Buffer"]
    assert text(first[f"sesi{level}_cname"]) == "192.0.2.7"
    if level in (1, 2, 502):
        assert (first[f"sesi{level}_num_opens"], second[f"sesi{level}_user_flags"]) == (3, 1)
    if level == 502:
        assert text(first["sesi502_transport"]) == "tcp"


@pytest.mark.parametrize(
    ("client", "user", "outcome"),
    [
        ("\\\\192.0.2.8\0", NULL, ["bob"]),
        (NULL, "ALICE\0", ["alice"]),
        ("\0", "\0", ["alice", "bob"]),
        ("192.0.2.8\0", NULL, 2351),
        ("\\\\nobody\0", NULL, 2312),
        (NULL, "nobody\0", 2221),
        (NULL, "x" * 1024 + "\0", 87),
    ],
)
def test_sessions_by_qualifier(
    server: Any, client: Any, user: Any, outcome: list[str] | int
) -> None:
    if isinstance(outcome, int):
        with pytest.raises(DCERPCException) as refused:
            srvs.hNetrSessionEnum(server, client, user, 10)
        assert refused.value.get_error_code() == outcome
        return
    answer = srvs.hNetrSessionEnum(server, client, user, 10)
    found = answer["InfoStruct"]["SessionInfo"]["Level10"]["Buffer"]
    assert [text(s["sesi10_username"]) for s in found] == outcome


def test_connections_of_a_share_and_of_a_client(server: Any) -> None:
    answer = srvs.hNetrConnectionEnum(server, "Public\0", 1)
    (one,) = answer["InfoStruct"]["ConnectInfo"]["Level1"]["Buffer"]
    assert (one["coni1_id"], one["coni1_num_opens"], one["coni1_time"]) == (1, 2, 9)
    answer = srvs.hNetrConnectionEnum(server, "\\\\192.0.2.8\0", 0)
    (one,) = answer["InfoStruct"]["ConnectInfo"]["Level0"]["Buffer"]
    assert one["coni0_id"] == 2
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrConnectionEnum(server, "nosuch\0", 0)
    assert refused.value.get_error_code() == 2310


def test_open_files(server: Any) -> None:
    files = srvs.hNetrFileEnum(server, NULL, NULL, 3)["InfoStruct"]["FileInfo"]["Level3"]["Buffer"]
    assert [f["fi3_id"] for f in files] == [7, 8]
    (one,) = srvs.hNetrFileEnum(server, "C:\\SRV\\attic\0", NULL, 2)["InfoStruct"]["FileInfo"][
        "Level2"
    ]["Buffer"]
    assert one["fi2_id"] == 8
    info = srvs.hNetrFileGetInfo(server, 7, 3)["InfoStruct"]["FileInfo3"]
    assert text(info["fi3_path_name"]) == "C:\\srv\\public\\a.txt"
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrFileGetInfo(server, 99, 3)
    assert refused.value.get_error_code() == 2314


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: srvs.hNetrSessionEnum(s, NULL, NULL, 10),
        lambda s: srvs.hNetrConnectionEnum(s, "public\0", 1),
        lambda s: srvs.hNetrFileEnum(s, NULL, NULL, 3),
        lambda s: srvs.hNetrFileGetInfo(s, 7, 3),
        lambda s: srvs.hNetrServerTransportEnum(s, 0),
    ],
)
def test_an_anonymous_caller_sees_nobody(server: Any, host: Any, ask: Callable[[Any], Any]) -> None:
    host.log_on("")
    with pytest.raises(DCERPCException) as refused:
        ask(server)
    assert refused.value.get_error_code() == 5


def test_disks_and_transports_are_empty_lists(server: Any) -> None:
    assert srvs.hNetrServerDiskEnum(server, 0)["TotalEntries"] == 0
    assert srvs.hNetrServerTransportEnum(server, 0)["TotalEntries"] == 0


@pytest.mark.parametrize(
    ("name", "name_type", "status"),
    [
        ("public", 9, 0),
        ("a:b", 9, 123),
        ("x" * 81, 9, 123),
        ("x", 99, 87),
        (" lead", 4, 123),
        ("to*", 11, 0),
        ("t*o", 11, 123),
    ],
)
def test_name_validate(server: Any, name: str, name_type: int, status: int) -> None:
    if not status:
        assert srvs.hNetprNameValidate(server, name + "\0", name_type)["ErrorCode"] == 0
        return
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetprNameValidate(server, name + "\0", name_type)
    assert refused.value.get_error_code() == status


def test_name_compare(server: Any) -> None:
    assert srvs.hNetprNameCompare(server, "Public\0", "PUBLIC\0", 9)["ErrorCode"] == 0
    with pytest.raises(DCERPCException) as less:
        srvs.hNetprNameCompare(server, "a\0", "b\0", 9)
    assert less.value.get_error_code() == 0xFFFFFFFF


def test_what_would_change_the_server_is_denied(server: Any) -> None:
    request = srvs.NetrShareDel()
    request["ServerName"] = NULL
    request["NetName"] = "public\0"
    with pytest.raises(DCERPCException) as refused:
        server.request(request)
    assert refused.value.get_error_code() == 5
    info = srvs.SHARE_INFO()
    info["tag"] = 1004
    info["ShareInfo1004"]["shi1004_remark"] = "mine\0"
    with pytest.raises(DCERPCException) as refused:
        srvs.hNetrShareSetInfo(server, "public\0", 1004, info)
    assert refused.value.get_error_code() == 5


def test_an_unknown_operation_is_a_fault(server: Any) -> None:
    assert 0 not in OPERATIONS
    server.call(0, b"")
    with pytest.raises(DCERPCException, match="nca_s_op_rng_error"):
        server.recv()


def test_a_stub_that_does_not_fit_is_a_fault(server: Any) -> None:
    server.call(15, b"\1\2\3")
    with pytest.raises(DCERPCException, match="rpc_x_bad_stub_data"):
        server.recv()
