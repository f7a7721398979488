"""The SOAP envelope: headers found whatever the prefixes, everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.wsd.envelope import AppSequence, Envelope, Headers, encode_envelope
from nethood.wsd.names import MAX_ENVELOPE_SIZE, SOAP, WSD
from nethood.wsd.tree import parse, text
from tests.wsd import messages


def test_reads_a_clients_message() -> None:
    envelope = Envelope.decode(messages.probe())
    assert envelope.action == "http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe"
    assert envelope.message_id == messages.PROBE_ID
    assert envelope.to == "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
    assert envelope.relates_to == envelope.reply_to == ""
    assert envelope.body.children[0].name == (WSD, "Probe")


def test_writes_what_it_reads() -> None:
    headers = Headers("urn:a<b", "urn:uuid:1", "urn:to", "urn:uuid:0", AppSequence(7, 9))
    data = encode_envelope(headers, "<wsd:Bye/>")
    envelope = Envelope.decode(data)
    assert (envelope.action, envelope.message_id) == ("urn:a<b", "urn:uuid:1")
    assert (envelope.to, envelope.relates_to) == ("urn:to", "urn:uuid:0")
    sequence = parse(data, 4096).find((SOAP, "Header"), (WSD, "AppSequence"))
    assert sequence is not None
    assert sequence.attributes == {"InstanceId": "7", "MessageNumber": "9"}


@pytest.mark.parametrize(
    "data",
    [
        b"<Envelope/>",
        messages.probe().replace(b"2003/05/soap-envelope", b"2001/12/soap-envelope"),
        messages.probe().replace(b"a:Action", b"a:Faction"),
        messages.probe(message_id=""),
        messages.probe(message_id="x" * 513),
        b"\0",
    ],
)
def test_refuses_what_is_no_message(data: bytes) -> None:
    with pytest.raises(Malformed):
        Envelope.decode(data)


def test_every_truncation_is_malformed() -> None:
    whole = messages.probe()
    for size in range(len(whole)):
        with pytest.raises(Malformed):
            Envelope.decode(whole[:size])


def test_a_message_too_long_is_neither_read_nor_written() -> None:
    with pytest.raises(Malformed, match="more than"):
        Envelope.decode(messages.probe(" " * MAX_ENVELOPE_SIZE))
    with pytest.raises(LocalError):
        encode_envelope(Headers("a", "b"), text("x" * MAX_ENVELOPE_SIZE))


@given(st.integers(0, 900), st.binary(min_size=1, max_size=4))
def test_a_damaged_message_is_read_or_malformed(at: int, damage: bytes) -> None:
    whole = messages.probe()
    at %= len(whole)
    try:
        assert Envelope.decode(whole[:at] + damage + whole[at + len(damage) :]).message_id
    except Malformed:
        return
