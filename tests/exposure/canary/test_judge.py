"""Who counts as a poisoner, and which names are asked for."""

from __future__ import annotations

import secrets
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from nethood.exposure.canary import wire
from nethood.exposure.canary.bait import bait_names
from nethood.exposure.canary.judge import Witness
from nethood.exposure.canary.wire import Claim, Protocol
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    negative_name_query_response,
    positive_name_query_response,
)
from nethood.nbt.packet import Packet


def claim(name: str, source: str = "10.0.0.66", protocol: Protocol = Protocol.NBNS) -> Claim:
    """Return what *source* says of *name*."""
    return Claim(protocol, name, source, (source,))


def witness(*names: str, own: tuple[str, ...] = ()) -> Witness:
    """Return a witness that waits for answers for *names*."""
    heard = Witness(own)
    for name in names:
        heard.expect(name)
    return heard


def test_two_names_make_a_poisoner_and_one_a_suspect() -> None:
    heard = witness("HRFS0412", "LABNAS7731")
    assert heard.hear(claim("HRFS0412"), "eth0")
    assert [one.is_certain for one in heard.suspects] == [False]
    assert heard.is_undecided
    heard.hear(claim("LABNAS7731", protocol=Protocol.LLMNR), "eth0")
    (found,) = heard.suspects
    assert found.is_certain
    assert not heard.is_undecided
    assert found.protocols == [Protocol.NBNS, Protocol.LLMNR]
    assert found.claimed == ["10.0.0.66"]


def test_the_same_name_three_times_is_one_name() -> None:
    heard = witness("HRFS0412", "LABNAS7731")
    for protocol in Protocol:
        heard.hear(claim("HRFS0412", protocol=protocol), "eth0")
    assert not heard.suspects[0].is_certain


def test_two_hosts_with_a_name_each_are_no_poisoner() -> None:
    heard = witness("HRFS0412", "LABNAS7731")
    heard.hear(claim("HRFS0412", "10.0.0.1"), "eth0")
    heard.hear(claim("LABNAS7731", "10.0.0.2"), "eth0")
    assert not any(one.is_certain for one in heard.suspects)


def test_names_nobody_asked_for_and_our_own_answers_count_for_nothing() -> None:
    heard = witness("HRFS0412", own=("10.0.0.5",))
    assert not heard.hear(claim("PRINTER"), "eth0")
    assert not heard.hear(claim("HRFS0412", "10.0.0.5"), "eth0")
    assert heard.suspects == []


def test_what_a_liar_says_is_kept_within_bounds() -> None:
    heard = witness("HRFS0412")
    for number in range(1000):
        heard.hear(Claim(Protocol.MDNS, "HRFS0412", "10.0.0.66", (str(number),)), "eth0")
    assert len(heard.suspects[0].claimed) == 64


def test_bait_is_a_netbios_name_and_never_twice_the_same() -> None:
    names = bait_names(200, secrets.token_bytes)
    assert len(set(names)) == 200
    assert all(9 <= len(name) <= 15 and name.isalnum() for name in names)


def test_an_nbns_answer_is_read_and_a_refusal_is_none() -> None:
    name = NetbiosName("HRFS0412", 0x20)
    entry = AddressEntry(0, IPv4Address("10.0.0.99"))
    positive = positive_name_query_response(0x1234, name, [entry], 165).encode()
    assert wire.nbns_claim(positive, "10.0.0.66") == Claim(
        Protocol.NBNS, "HRFS0412", "10.0.0.66", ("10.0.0.99",)
    )
    negative = negative_name_query_response(0x1234, name).encode()
    assert wire.nbns_claim(negative, "10.0.0.66") is None


def test_the_nbns_question_is_that_of_windows() -> None:
    question = wire.nbns_question(0x1234, "HRFS0412")
    assert len(question) == 50
    assert question[:12].hex() == "123401100001000000000000"
    packet = Packet.decode(question)
    assert packet.questions[0].name == NetbiosName("HRFS0412", 0x20)
    assert wire.nbns_claim(question, "10.0.0.66") is None


def test_a_question_is_no_answer() -> None:
    for question in wire.llmnr_questions((1, 2), "HRFS0412"):
        assert wire.dns_claim(Protocol.LLMNR, question, "10.0.0.66") is None
        assert question[12:22] == b"\x08HRFS0412\0"
    for question in wire.mdns_questions("HRFS0412"):
        assert question[:2] == b"\0\0"
        assert b"\x08hrfs0412\x05local\0" in question


@given(st.binary(max_size=120))
def test_any_bytes_claim_something_or_nothing(data: bytes) -> None:
    answer = data[:2] + b"\x80" + data[3:]
    for protocol in (Protocol.LLMNR, Protocol.MDNS):
        wire.dns_claim(protocol, answer, "10.0.0.66")
    wire.nbns_claim(answer, "10.0.0.66")
