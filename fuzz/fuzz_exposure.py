"""What the scanner reads as fuzz targets: what hosts answer, what people write as targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from nethood.errors import LocalError
from nethood.exposure.canary.wire import Protocol, dns_claim, nbns_claim
from nethood.exposure.probes.netbios import netbios_facts
from nethood.exposure.target_specs import parse_spec
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import AddressEntry, positive_name_query_response
from nethood.nbt.node_status import (
    NodeStatus,
    StatusName,
    node_status_request,
    node_status_response,
)
from nethood.smb1.constants import CAP_EXTENDED_SECURITY
from nethood.smb1.header import HEADER_SIZE
from nethood.smb1.negotiate import NegotiateResponse
from nethood.smb1.session_setup import PasswordSessionSetupRequest, SessionSetupResponse

Decoder = tuple[str, Callable[[bytes], object], tuple[bytes, ...]]
"""A name, what to call, and seeds: a target's fields."""

NAME: Final = NetbiosName("FRED", 0x20)
SOURCE: Final = "10.1.2.4"
_ASKED: Final = node_status_request(1).encode()
_DNS_ANSWER: Final = bytes.fromhex(
    "00018000000100010000000004667265640000010001c00c000100010000001e00040a010204"
)
"""An LLMNR response: FRED is at 10.1.2.4."""
_SPECS: Final = (b"10.0.0.0/24", b"10.0.0.1-20", b"[fd00::7%eth0]:4450", b"files.example:445")


def targets() -> Iterator[Decoder]:
    """Return what reads bytes of others on the scanner's side, each with something good."""
    table = NodeStatus((StatusName("FRED", 0x20), StatusName("HOUSE", 0x1E)))
    status = node_status_response(1, NAME, table).encode()
    yield "exposure.netbios_facts", partial(netbios_facts, _ASKED), (status,)
    entry = AddressEntry(0, IPv4Address(SOURCE))
    claim = positive_name_query_response(1, NAME, [entry], 300).encode()
    yield "exposure.canary.nbns_claim", lambda data: nbns_claim(data, SOURCE), (claim,)
    for protocol in (Protocol.LLMNR, Protocol.MDNS):
        name = f"exposure.canary.dns_claim {protocol}"
        yield name, partial(_dns_claim, protocol), (_DNS_ANSWER,)
    yield "exposure.target_specs.parse_spec", _parse_spec, _SPECS
    yield from _smb1()


def _smb1() -> Iterator[Decoder]:
    """Return the SMB1 decoders that random bytes hardly get into: they count words."""
    head = bytes(HEADER_SIZE)
    old = NegotiateResponse(0, challenge=bytes(8), domain_name="HOUSE", server_name="FRED")
    new = NegotiateResponse(0, capabilities=CAP_EXTENDED_SECURITY, security_blob=b"token")
    seeds = (head + old.encode(), head + new.encode())
    yield "smb1.negotiate.NegotiateResponse.decode", NegotiateResponse.decode, seeds
    named = PasswordSessionSetupRequest(b"x", b"y", "fred", "HOUSE", "Unix", "Samba")
    yield (
        "smb1.session_setup.PasswordSessionSetupRequest.decode",
        PasswordSessionSetupRequest.decode,
        (head + named.encode(),),
    )
    answer = SessionSetupResponse(0, "Unix", "Samba", "HOUSE", b"token")
    yield (
        "smb1.session_setup.SessionSetupResponse.decode",
        SessionSetupResponse.decode,
        (head + answer.encode(),),
    )


def _dns_claim(protocol: Protocol, data: bytes) -> object:
    return dns_claim(protocol, data, SOURCE)


def _parse_spec(data: bytes) -> object:
    """Read a target; what is none is refused in a sentence."""
    try:
        return parse_spec(data.decode(errors="replace"))
    except LocalError as refused:
        return str(refused)
