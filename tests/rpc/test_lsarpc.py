from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from impacket.dcerpc.v5 import lsad, lsat
from impacket.dcerpc.v5.dtypes import DACL_SECURITY_INFORMATION, MAXIMUM_ALLOWED
from impacket.dcerpc.v5.rpcrt import DCERPCException

from nethood.dtyp.security_descriptor import SecurityDescriptor
from nethood.rpc.layout import UNICODE
from nethood.rpc.ndr import Reader

Connect = Callable[..., Any]
NONE_MAPPED, SOME_NOT_MAPPED = 0xC0000073, 0x107


@pytest.fixture
def lsa(connect: Connect) -> Any:
    return connect("lsarpc", lsat.MSRPC_UUID_LSAT)


@pytest.fixture
def policy(lsa: Any) -> Any:
    return lsad.hLsarOpenPolicy2(lsa, MAXIMUM_ALLOWED)["PolicyHandle"]


def domains(answer: Any) -> list[tuple[str, str]]:
    found = answer["ReferencedDomains"]["Domains"]
    return [(d["Name"], d["Sid"].formatCanonical()) for d in found]


def names_of(answer: Any) -> list[tuple[int, str, int]]:
    return [(n["Use"], n["Name"], n["DomainIndex"]) for n in answer["TranslatedNames"]["Names"]]


def test_open_and_close(lsa: Any, policy: Any) -> None:
    assert lsad.hLsarClose(lsa, policy)["ObjectHandle"] == bytes(20)
    with pytest.raises(DCERPCException, match="nca_s_fault_context_mismatch"):
        lsad.hLsarClose(lsa, policy)


def test_the_old_open_policy(lsa: Any) -> None:
    handle = lsad.hLsarOpenPolicy(lsa, MAXIMUM_ALLOWED)["PolicyHandle"]
    assert lsad.hLsarClose(lsa, handle)["ErrorCode"] == 0


def test_only_administrators_get_rights_to_change(lsa: Any, host: Any) -> None:
    create_account = 0x10
    with pytest.raises(DCERPCException) as refused:
        lsad.hLsarOpenPolicy2(lsa, create_account)
    assert refused.value.get_error_code() == 0xC0000022
    host.log_on("root", is_admin=True)
    assert lsad.hLsarOpenPolicy2(lsa, create_account)["ErrorCode"] == 0


def test_anonymous_callers_get_no_policy(lsa: Any, host: Any) -> None:
    host.log_on("")
    with pytest.raises(DCERPCException) as refused:
        lsad.hLsarOpenPolicy2(lsa, MAXIMUM_ALLOWED)
    assert refused.value.get_error_code() == 0xC0000022


def test_account_domain(lsa: Any, policy: Any) -> None:
    for number in (5, 14):
        answer = lsad.hLsarQueryInformationPolicy2(lsa, policy, number)["PolicyInformation"]
        arm = "PolicyAccountDomainInfo" if number == 5 else "PolicyLocalAccountDomainInfo"
        assert answer[arm]["DomainName"] == "BIRCH"
        assert answer[arm]["DomainSid"].formatCanonical() == "S-1-5-21-1-2-3"


def test_primary_and_dns_domain_are_a_workgroup(lsa: Any, policy: Any) -> None:
    answer = lsad.hLsarQueryInformationPolicy(lsa, policy, 3)["PolicyInformation"]
    assert answer["PolicyPrimaryDomainInfo"]["Name"] == "WORKGROUP"
    answer = lsad.hLsarQueryInformationPolicy2(lsa, policy, 12)["PolicyInformation"]
    assert answer["PolicyDnsDomainInfo"]["Name"] == "WORKGROUP"
    assert answer["PolicyDnsDomainInfo"]["DnsDomainName"] == ""


def test_the_server_role_and_what_else_may_be_asked(lsa: Any, policy: Any) -> None:
    answer = lsad.hLsarQueryInformationPolicy2(lsa, policy, 6)["PolicyInformation"]
    assert answer["PolicyServerRoleInfo"]["LsaServerRole"] == 3
    for number in (4, 7):
        assert lsad.hLsarQueryInformationPolicy2(lsa, policy, number)["ErrorCode"] == 0


@pytest.mark.parametrize(("number", "status"), [(2, 0xC0000022), (9, 0xC000000D), (15, 0xC000000D)])
def test_information_that_is_not_there(lsa: Any, policy: Any, number: int, status: int) -> None:
    with pytest.raises(DCERPCException) as refused:
        lsad.hLsarQueryInformationPolicy2(lsa, policy, number)
    assert refused.value.get_error_code() == status


def test_names_to_rids(lsa: Any, policy: Any) -> None:
    for look_up in (lsat.hLsarLookupNames, lsat.hLsarLookupNames2):
        answer = look_up(lsa, policy, ["Alice", "everyone", "BUILTIN\\users", "birch"])
        assert [
            (s["Use"], s["RelativeId"], s["DomainIndex"]) for s in answer["TranslatedSids"]["Sids"]
        ] == [(1, 1001, 0), (5, 0, 1), (4, 545, 2), (3, 0xFFFFFFFF, 0)]
        assert domains(answer) == [
            ("BIRCH", "S-1-5-21-1-2-3"),
            ("", "S-1-1"),
            ("BUILTIN", "S-1-5-32"),
        ]
        assert answer["MappedCount"] == 4


def test_names_to_sids(lsa: Any, policy: Any) -> None:
    names = ["BIRCH\\alice", "nt authority\\system", "None", "BUILTIN\\", ""]
    answer = lsat.hLsarLookupNames3(lsa, policy, names)
    sids = [s["Sid"].formatCanonical() for s in answer["TranslatedSids"]["Sids"]]
    assert sids == [
        "S-1-5-21-1-2-3-1001",
        "S-1-5-18",
        "S-1-5-21-1-2-3-513",
        "S-1-5-32",
        "S-1-5-32",
    ]


def answer_of(error: pytest.ExceptionInfo[Any]) -> Any:
    return error.value.get_packet()


def test_some_names_are_not_mapped(lsa: Any, policy: Any) -> None:
    with pytest.raises(DCERPCException) as some:
        lsat.hLsarLookupNames3(lsa, policy, ["alice", "nobody", "BIRCH\\nobody", "ELSEWHERE\\x"])
    answer = answer_of(some)
    assert answer["ErrorCode"] == SOME_NOT_MAPPED
    assert [(s["Use"], s["DomainIndex"]) for s in answer["TranslatedSids"]["Sids"]] == [
        (1, 0),
        (8, -1),
        (8, 0),
        (8, -1),
    ]
    assert answer["MappedCount"] == 1


def test_no_name_is_mapped(lsa: Any, policy: Any) -> None:
    with pytest.raises(DCERPCException) as none:
        lsat.hLsarLookupNames(lsa, policy, ["nobody", "nowhere\\nobody"])
    assert answer_of(none)["ErrorCode"] == NONE_MAPPED


@pytest.mark.parametrize("look_up", [lsat.hLsarLookupSids, lsat.hLsarLookupSids2])
def test_sids_to_names(lsa: Any, policy: Any, look_up: Callable[..., Any]) -> None:
    sids = ["S-1-5-21-1-2-3-1001", "S-1-1-0", "S-1-5-11", "S-1-5-32-544", "S-1-5-21-1-2-3"]
    answer = look_up(lsa, policy, [*sids, "S-1-22-1-1000"])
    assert names_of(answer) == [
        (1, "alice", 0),
        (5, "Everyone", 1),
        (5, "Authenticated Users", 2),
        (4, "Administrators", 3),
        (3, "BIRCH", 0),
        (1, "uwe", 4),
    ]
    assert domains(answer)[2:] == [
        ("NT AUTHORITY", "S-1-5"),
        ("BUILTIN", "S-1-5-32"),
        ("Unix User", "S-1-22-1"),
    ]


def test_sids_nobody_knows(lsa: Any, policy: Any) -> None:
    sids = ["S-1-5-18", "S-1-5-21-1-2-3-4096", "S-1-5-21-9-9-9-7"]
    with pytest.raises(DCERPCException) as some:
        lsat.hLsarLookupSids2(lsa, policy, sids)
    assert answer_of(some)["ErrorCode"] == SOME_NOT_MAPPED
    assert names_of(answer_of(some)) == [
        (5, "SYSTEM", 0),
        (8, "00001000", 1),
        (8, "S-1-5-21-9-9-9-7", -1),
    ]
    with pytest.raises(DCERPCException) as none:
        lsat.hLsarLookupSids(lsa, policy, sids[1:], lsat.LSAP_LOOKUP_LEVEL.LsapLookupPDC)
    assert answer_of(none)["ErrorCode"] == NONE_MAPPED
    assert names_of(answer_of(none)) == [(8, "", 0), (8, "", -1)]


def test_a_thousand_sids_in_many_fragments(lsa: Any, policy: Any) -> None:
    lsa.set_max_fragment_size(1432)
    answer = lsat.hLsarLookupSids2(lsa, policy, ["S-1-5-21-1-2-3-1001"] * 1000)
    assert names_of(answer) == [(1, "alice", 0)] * 1000


def test_a_bad_level_and_a_foreign_handle(lsa: Any, policy: Any) -> None:
    with pytest.raises(DCERPCException) as refused:
        lsat.hLsarLookupSids(lsa, policy, ["S-1-1-0"], 9)
    assert refused.value.get_error_code() == 0xC000000D
    with pytest.raises(DCERPCException, match="nca_s_fault_context_mismatch"):
        lsat.hLsarLookupSids(lsa, b"\0" * 20, ["S-1-1-0"])


def test_look_ups_for_domain_controllers_only(lsa: Any) -> None:
    with pytest.raises(DCERPCException) as refused:
        lsat.hLsarLookupNames4(lsa, ["alice"])
    assert refused.value.get_error_code() == 0xC00000DC


def test_who_am_i(lsa: Any, host: Any) -> None:
    assert lsat.hLsarGetUserName(lsa)["UserName"] == "alice"
    host.log_on("")
    assert lsat.hLsarGetUserName(lsa)["UserName"] == "ANONYMOUS LOGON"


def test_who_am_i_and_of_which_domain(lsa: Any) -> None:
    # DomainName is a pointer to a pointer, which impacket's class does not have.
    no_system, no_user, domain_pointer, no_domain = 0, 0, 1, 0
    lsa.call(45, struct.pack("<IIII", no_system, no_user, domain_pointer, no_domain))
    answer = Reader(lsa.recv())
    assert answer.pointer()
    row: list[Any] = []
    UNICODE.read(answer, row)
    answer.resolve()
    assert answer.pointer()
    assert answer.pointer()
    UNICODE.read(answer, row)
    answer.resolve()
    assert row == ["alice", "BIRCH"]
    assert (answer.u32(), answer.remaining) == (0, 0)


def test_the_policy_s_security_descriptor(lsa: Any, policy: Any) -> None:
    answer = lsad.hLsarQuerySecurityObject(lsa, policy, DACL_SECURITY_INFORMATION)
    descriptor = SecurityDescriptor.decode(answer)
    assert descriptor.dacl is not None
    assert len(descriptor.dacl.aces) == 2
    assert descriptor.owner is None


@pytest.mark.parametrize(
    "enumerate_", [lsad.hLsarEnumerateAccounts, lsad.hLsarEnumerateTrustedDomains]
)
def test_there_is_nothing_to_enumerate(
    lsa: Any, policy: Any, enumerate_: Callable[..., Any]
) -> None:
    with pytest.raises(DCERPCException) as empty:
        enumerate_(lsa, policy)
    assert empty.value.get_error_code() == 0x8000001A


def test_a_handle_is_of_no_use_in_another_association(
    connect: Connect, lsa: Any, policy: Any, host: Any
) -> None:
    other = connect("lsarpc", lsat.MSRPC_UUID_LSAT)
    with pytest.raises(DCERPCException, match="nca_s_fault_context_mismatch"):
        lsad.hLsarQueryInformationPolicy2(other, policy, 5)
