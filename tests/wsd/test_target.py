"""The discoverable computer: what it says, whom it answers, and with what."""

from __future__ import annotations

from itertools import count

import pytest

from nethood.errors import Malformed
from nethood.wsd import names
from nethood.wsd.envelope import Envelope
from nethood.wsd.names import PNPX, PUB, SOAP, WSA, WSD, WSDP, WSX
from nethood.wsd.target import Identity, TargetService
from nethood.wsd.tree import Element, QName, parse
from tests.wsd import messages

ENDPOINT = "urn:uuid:95ce917d-9e37-4099-aee4-db3292041ea6"
URL = "http://192.0.2.7:5357/95ce917d-9e37-4099-aee4-db3292041ea6"
REFERENCE = ((WSA, "EndpointReference"), (WSA, "Address"))
SEQUENCE = ((SOAP, "Header"), (WSD, "AppSequence"))


@pytest.fixture
def target() -> TargetService:
    numbers = count(1)
    who = Identity(ENDPOINT, "CELLAR", "R&D")
    return TargetService(who, 1700000000, lambda: f"urn:uuid:{next(numbers)}")


def body(data: bytes, *path: QName) -> Element:
    found = parse(data, names.MAX_ENVELOPE_SIZE).find((SOAP, "Body"), *path)
    assert found is not None
    return found


def described(found: Element) -> tuple[str, str, str]:
    types = found.find((WSD, "Types"))
    assert types is not None
    assert types.qnames() == [(WSDP, "Device"), (PUB, "Computer")]
    version = found.content((WSD, "MetadataVersion"))
    return found.content(*REFERENCE), found.content((WSD, "XAddrs")), version


def ask(target: TargetService, data: bytes) -> bytes | None:
    answer = target.answer(Envelope.decode(data), URL)
    return answer.data if answer else None


def test_hello_tells_who_what_and_where(target: TargetService) -> None:
    data = target.hello(URL)
    envelope = Envelope.decode(data)
    assert (envelope.action, envelope.to) == (names.HELLO, names.EVERYBODY)
    assert described(body(data, (WSD, "Hello"))) == (ENDPOINT, URL, "1700000000")


def test_bye_tells_who(target: TargetService) -> None:
    data = target.bye()
    assert Envelope.decode(data).action == names.BYE
    assert body(data, (WSD, "Bye")).content(*REFERENCE) == ENDPOINT


def test_every_message_has_its_own_id_and_the_next_number(target: TargetService) -> None:
    said = [target.hello(URL), target.bye()]
    assert [Envelope.decode(data).message_id for data in said] == ["urn:uuid:1", "urn:uuid:2"]
    found = [parse(data, 4096).find(*SEQUENCE) for data in said]
    assert [f.attributes["MessageNumber"] for f in found if f] == ["1", "2"]
    assert {f.attributes["InstanceId"] for f in found if f} == {"1700000000"}


@pytest.mark.parametrize("content", [messages.DEVICE, messages.COMPUTER, "", "<d:Types/>"])
def test_a_probe_for_us_is_answered(target: TargetService, content: str) -> None:
    data = ask(target, messages.probe(content))
    assert data
    envelope = Envelope.decode(data)
    assert (envelope.action, envelope.to) == (names.PROBE_MATCHES, names.ANONYMOUS)
    assert envelope.relates_to == messages.PROBE_ID
    match = body(data, (WSD, "ProbeMatches"), (WSD, "ProbeMatch"))
    assert described(match) == (ENDPOINT, URL, "1700000000")


@pytest.mark.parametrize(
    "content", [messages.PRINTER, messages.DEVICE + messages.SCOPE, messages.SCOPE]
)
def test_a_probe_for_others_is_not(target: TargetService, content: str) -> None:
    assert ask(target, messages.probe(content)) is None


def test_an_answer_is_hardly_longer_than_its_question(target: TargetService) -> None:
    question = messages.probe(messages.COMPUTER)
    answer = ask(target, question)
    assert answer
    assert len(answer) < 2 * len(question)


def test_a_match_of_a_probe_waits_and_of_a_resolve_does_not(target: TargetService) -> None:
    probe = target.answer(Envelope.decode(messages.probe()), URL)
    resolve = target.answer(Envelope.decode(messages.resolve(ENDPOINT)), URL)
    assert probe
    assert probe.is_delayed
    assert resolve
    assert not resolve.is_delayed


def test_only_our_endpoint_is_resolved(target: TargetService) -> None:
    data = ask(target, messages.resolve(ENDPOINT.upper()))
    assert data
    match = body(data, (WSD, "ResolveMatches"), (WSD, "ResolveMatch"))
    assert described(match)[:2] == (ENDPOINT, URL)
    assert ask(target, messages.resolve("urn:uuid:somebody-else")) is None


@pytest.mark.parametrize("action", [names.HELLO, names.PROBE_MATCHES, names.GET, "urn:unknown"])
def test_nothing_else_is_answered_by_udp(target: TargetService, action: str) -> None:
    assert ask(target, messages.other(action)) is None


@pytest.mark.parametrize("action", [names.PROBE, names.RESOLVE])
def test_a_question_without_its_element_is_malformed(target: TargetService, action: str) -> None:
    with pytest.raises(Malformed):
        ask(target, messages.other(action))


def test_metadata_names_computer_and_workgroup(target: TargetService) -> None:
    data = target.answer_http(Envelope.decode(messages.get()), URL)
    assert data
    envelope = Envelope.decode(data)
    assert (envelope.action, envelope.relates_to) == (names.GET_RESPONSE, messages.PROBE_ID)
    sections = body(data, (WSX, "Metadata")).children
    assert [s.attributes["Dialect"].rpartition("/")[2] for s in sections] == [
        "ThisDevice",
        "ThisModel",
        "Relationship",
    ]
    device, model, related = (section.children[0] for section in sections)
    assert device.content((WSDP, "FriendlyName")) == "CELLAR"
    assert model.content((PNPX, "DeviceCategory")) == "Computers"
    assert related.attributes == {"Type": f"{WSDP}/host"}
    host = related.children[0]
    assert host.content(*REFERENCE) == host.content((WSDP, "ServiceId")) == ENDPOINT
    assert host.content((PUB, "Computer")) == "CELLAR/Workgroup:R&D"


def test_a_directed_probe_is_answered_even_without_a_match(target: TargetService) -> None:
    found = target.answer_http(Envelope.decode(messages.probe()), URL)
    nothing = target.answer_http(Envelope.decode(messages.probe(messages.PRINTER)), URL)
    assert found
    assert nothing
    assert len(body(found, (WSD, "ProbeMatches")).children) == 1
    assert body(nothing, (WSD, "ProbeMatches")).children == []
    assert target.answer_http(Envelope.decode(messages.other("urn:unknown")), URL) is None


def test_an_ipv6_address_is_bracketed_in_the_url(target: TargetService) -> None:
    assert target.identity.url("192.0.2.7") == URL
    assert target.identity.url("fe80::1", 80).startswith("http://[fe80::1]:80/95ce917d")
