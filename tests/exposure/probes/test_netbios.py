"""The node status as a probe sees it, and what can be said of a UDP port."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import ConnectError, Malformed
from nethood.exposure.model import PortState
from nethood.exposure.probes.netbios import (
    datagram_query,
    netbios_facts,
    probe_datagram_port,
    probe_netbios,
)
from nethood.nbt.datagram import decode_datagram
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_status import (
    NAME_FLAGS_ACT,
    NAME_FLAGS_CNF,
    NAME_FLAGS_G,
    NodeStatus,
    StatusName,
    node_status_response,
)
from nethood.nbt.packet import Packet
from nethood.nbt.suffix import MSBROWSE
from tests.exposure.probes.nbt_network import OneHost, context_of

GROUP = NAME_FLAGS_G | NAME_FLAGS_ACT
OFFICE = NodeStatus(
    (
        StatusName("OFFICE", 0x00),
        StatusName("WORK", 0x00, GROUP),
        StatusName("OFFICE", 0x20),
        StatusName("OFFICE", 0x03),
        StatusName("ANNA", 0x03),
        StatusName("WORK", 0x1D),
        StatusName("WORK", 0x1E, GROUP),
        StatusName(MSBROWSE, 0x01, GROUP),
        StatusName("OLD", 0x20, NAME_FLAGS_ACT | NAME_FLAGS_CNF),
    ),
    bytes.fromhex("0050569d1122"),
)


def answer(request: bytes, status: NodeStatus = OFFICE) -> bytes:
    """Return the response of a host with *status*."""
    packet = Packet.decode(request)
    return node_status_response(packet.name_trn_id, NetbiosName("*"), status).encode()


async def test_a_name_table_is_read_with_what_it_means() -> None:
    context = context_of(OneHost(answer))
    found = (await probe_netbios(context)).value
    assert found is not None
    assert (found.computer, found.workgroup, found.mac) == ("OFFICE", "WORK", "00:50:56:9d:11:22")
    assert found.users == ["ANNA"]
    assert found.roles == ["master browser", "takes part in browser elections", "file server"]
    assert [name.service for name in found.names[:3]] == [
        "Workstation Service",
        "Domain Name",
        "File Server Service",
    ]
    assert [name.name for name in found.names if name.in_conflict] == ["OLD"]
    assert context.report.port_is_open("udp/137")


async def test_amplification_is_that_of_this_exchange() -> None:
    found = (await probe_netbios(context_of(OneHost(answer)))).value
    assert found is not None
    assert found.request_bytes == 50
    assert found.response_bytes == 103 + 18 * len(OFFICE.names)
    assert found.amplification == pytest.approx(5.3)


async def test_a_domain_controller_is_told_by_its_names() -> None:
    status = NodeStatus(
        (
            StatusName("DC1", 0x00),
            StatusName("CORP", 0x00, GROUP),
            StatusName("CORP", 0x1C, GROUP),
            StatusName("CORP", 0x1B),
            StatusName("INet~Services", 0x1C, GROUP),
            StatusName("IS~DC1", 0x00),
        )
    )
    found = (await probe_netbios(context_of(OneHost(lambda data: answer(data, status))))).value
    assert found is not None
    assert found.roles == [
        "domain master browser (primary domain controller)",
        "domain controller",
        "web server (IIS)",
    ]
    assert (found.computer, found.mac) == ("DC1", "")


async def test_a_web_server_group_alone_is_no_domain_controller() -> None:
    status = NodeStatus((StatusName("WEB", 0x00), StatusName("INet~Services", 0x1C, GROUP)))
    found = (await probe_netbios(context_of(OneHost(lambda data: answer(data, status))))).value
    assert found is not None
    assert found.roles == ["web server (IIS)"]


async def test_silence_is_unknown_and_so_is_the_port() -> None:
    context = context_of(OneHost(lambda _data: None))
    result = await probe_netbios(context)
    assert result.value is None
    assert result.unknown == "no answer from udp/137 within 3 s"
    assert context.report.ports["udp/137"].value is None
    assert "open and filtered look the same" in context.report.ports["udp/137"].unknown


async def test_an_icmp_error_is_a_closed_port() -> None:
    context = context_of(OneHost(None))
    result = await probe_netbios(context)
    assert "udp/137 is closed" in result.unknown
    port = context.report.ports["udp/137"].value
    assert port is not None
    assert port.state is PortState.CLOSED


async def test_garbage_is_unknown_but_the_port_is_open() -> None:
    context = context_of(OneHost(lambda data: data[:2] + b"\x84\x00" + bytes(8)))
    result = await probe_netbios(context)
    assert result.value is None
    assert "no node status" in result.unknown
    assert context.report.port_is_open("udp/137")


async def test_our_own_request_echoed_is_no_answer() -> None:
    result = await probe_netbios(context_of(OneHost(lambda data: data)))
    assert result.unknown == "no answer from udp/137 within 3 s"


@given(st.binary(max_size=200))
def test_any_bytes_are_facts_or_malformed(data: bytes) -> None:
    try:
        netbios_facts(bytes(50), data)
    except Malformed:
        return


async def test_the_datagram_port_is_closed_or_unknown() -> None:
    closed = await probe_datagram_port(context_of(OneHost(None)))
    assert closed.value is not None
    assert closed.value.state is PortState.CLOSED
    network = OneHost(lambda _data: None)
    silent = await probe_datagram_port(context_of(network))
    assert silent.value is None
    assert "look the same" in silent.unknown
    assert network.waited_s == [0.5]


def test_the_datagram_query_is_a_well_formed_one() -> None:
    packet = decode_datagram(datagram_query(b"\x12\x34"))
    assert packet.header.dgm_id == 0x1234


class NoWay(OneHost):
    """A network this machine has no route to."""

    async def ask_udp(self, *_args: object, **_named: object) -> bytes:
        raise ConnectError("can't ask: Network is unreachable") from OSError(errno.ENETUNREACH, "")


async def test_a_host_that_can_not_be_asked_has_no_closed_port() -> None:
    context = context_of(NoWay())
    assert (await probe_netbios(context)).unknown == "can't ask: Network is unreachable"
    assert context.report.ports["udp/137"].value is None
    assert (await probe_datagram_port(context)).value is None
    assert not context.report.is_alive
