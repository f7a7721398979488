"""NetBIOS: the node status of UDP 137, RFC 1002 4.2.17, and what UDP 138 does.

Each is one datagram to the target alone; the amplification factor is that of this very exchange.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from nethood.errors import ConnectError, Malformed, TimedOut
from nethood.exposure.context import ProbeContext
from nethood.exposure.model import (
    Answer,
    Evidence,
    NetbiosFacts,
    NetbiosName,
    PortFacts,
    PortState,
    known,
    unknown,
)
from nethood.exposure.patience import is_refusal
from nethood.nbt import status_reading
from nethood.nbt.datagram import (
    BROADCAST_NAME,
    DATAGRAM_QUERY_REQUEST,
    DatagramHeader,
    DatagramQuery,
)
from nethood.nbt.node_status import (
    NAME_FLAGS_ACT,
    NAME_FLAGS_CNF,
    NodeStatus,
    StatusName,
    node_status_request,
    status_of,
)
from nethood.nbt.packet import Packet
from nethood.nbt.suffix import describe

DATAGRAM_WAIT_S = 0.5
"""How long UDP 138 is given to have an ICMP error sent: it never answers anything else."""
DATAGRAM_PORT = 138
_EVIDENCE_BYTES = 128


async def probe_netbios(context: ProbeContext) -> Answer[NetbiosFacts]:
    """Ask for the node status, and put the state of udp/137 into the report."""
    options = context.options
    trn_id = int.from_bytes(context.network.random_bytes(2), "big")
    request = node_status_request(trn_id).encode()
    port = f"udp/{options.name_port}"
    sent = f"node status request to {port}"
    try:
        response = await context.network.ask_udp(
            context.target.address,
            options.name_port,
            request,
            lambda data: data[:2] == request[:2] and len(data) > 2 and bool(data[2] & 0x80),
            options.timeout_s,
        )
    except ConnectError as error:
        if not is_refusal(error):
            context.report.ports[port] = unknown(str(error), Evidence(sent, "not delivered"))
            return unknown(str(error), Evidence(sent, "not delivered"))
        context.report.ports[port] = known(
            PortFacts(PortState.CLOSED), Evidence(sent, "port unreachable")
        )
        return unknown(f"{port} is closed: {error}", Evidence(sent, "port unreachable"))
    except TimedOut:
        reason = f"no answer from {port} within {options.timeout_s:g} s"
        context.report.ports[port] = unknown(
            f"{reason}: open and filtered look the same on UDP", Evidence(sent, "silence")
        )
        return unknown(reason, Evidence(sent, "silence"))
    return read_answer(context, request, response)


def read_answer(context: ProbeContext, request: bytes, response: bytes) -> Answer[NetbiosFacts]:
    """Judge the *response* to the node status *request*; udp/137 is open whatever it says."""
    port = f"udp/{context.options.name_port}"
    evidence = Evidence(
        f"node status request to {port}, {len(request)} bytes",
        f"{len(response)} bytes",
        response[:_EVIDENCE_BYTES].hex(),
    )
    context.report.ports[port] = known(PortFacts(PortState.OPEN), evidence)
    try:
        return known(netbios_facts(request, response), evidence)
    except Malformed as error:
        return unknown(f"{port} answered what is no node status: {error}", evidence)


def netbios_facts(request: bytes, response: bytes) -> NetbiosFacts:
    """Read a node status response. Raises Malformed."""
    status = status_of(Packet.decode(response))
    if status is None:
        raise Malformed("Node status response", "carries no node status")
    return NetbiosFacts(
        names=[_row(entry) for entry in status.names],
        computer=status_reading.computer_name(status),
        workgroup=status_reading.workgroup_name(status),
        mac=_mac(status),
        users=status_reading.user_names(status),
        roles=status_reading.roles(status),
        request_bytes=len(request),
        response_bytes=len(response),
    )


def _row(entry: StatusName) -> NetbiosName:
    return NetbiosName(
        entry.name,
        entry.suffix,
        describe(entry.suffix, entry.is_group, entry.name),
        entry.is_group,
        bool(entry.name_flags & NAME_FLAGS_ACT),
        bool(entry.name_flags & NAME_FLAGS_CNF),
    )


def _mac(status: NodeStatus) -> str:
    """Return the UNIT_ID as a MAC; "" for zeros, which is what Samba sends."""
    return status.unit_id.hex(":") if any(status.unit_id) else ""


async def probe_datagram_port(context: ProbeContext) -> Answer[PortFacts]:
    """Find out whether UDP 138 is closed: nothing there answers a query it has no part in."""
    port = context.options.datagram_port
    name = f"udp/{port}"
    query = datagram_query(context.network.random_bytes(2))
    sent = f"datagram query request to {name}"
    try:
        answer = await context.network.ask_udp(
            context.target.address,
            port,
            query,
            lambda _data: True,
            min(DATAGRAM_WAIT_S, context.options.timeout_s),
        )
    except ConnectError as error:
        if not is_refusal(error):
            return unknown(str(error), Evidence(sent, "not delivered"))
        return known(PortFacts(PortState.CLOSED), Evidence(sent, "port unreachable"))
    except TimedOut:
        return unknown(
            f"no answer from {name}: open and filtered look the same on UDP",
            Evidence(sent, "silence"),
        )
    return known(
        PortFacts(PortState.OPEN),
        Evidence(sent, f"{len(answer)} bytes", answer[:_EVIDENCE_BYTES].hex()),
    )


def datagram_query(dgm_id: bytes) -> bytes:
    """Return a DATAGRAM QUERY REQUEST for the name ``*``, RFC 1002 4.4.4, from no address."""
    header = DatagramHeader(
        DATAGRAM_QUERY_REQUEST, int.from_bytes(dgm_id, "big"), IPv4Address(0), DATAGRAM_PORT
    )
    return DatagramQuery(header, BROADCAST_NAME).encode()
