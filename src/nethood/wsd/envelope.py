"""The SOAP envelope with its addressing headers: what every message has in common.

WS-Addressing (August 2004), WS-Discovery 3 (AppSequence: appendix I).
"""

from __future__ import annotations

from dataclasses import dataclass

from nethood.errors import LocalError, Malformed
from nethood.wsd.names import ANONYMOUS, MAX_ENVELOPE_SIZE, PREFIXES, SOAP, WSA
from nethood.wsd.tree import Element, element, parse, text

_MAX_ID_LENGTH = 512
_HEADER_PREFIXES = ("soap", "wsa", "wsd")


@dataclass(slots=True)
class Envelope:
    """A message that arrived; *body* is the soap:Body element, whatever it holds."""

    action: str
    message_id: str
    to: str
    relates_to: str
    reply_to: str
    body: Element

    @classmethod
    def decode(cls, data: bytes) -> Envelope:
        """Read one message. Raises Malformed: no SOAP 1.2, no action, no message id, too long."""
        root = parse(data, MAX_ENVELOPE_SIZE)
        header, body = root.find((SOAP, "Header")), root.find((SOAP, "Body"))
        if root.name != (SOAP, "Envelope") or header is None or body is None:
            raise Malformed("SOAP envelope", "is none")
        action, message_id = (header.content((WSA, n)) for n in ("Action", "MessageID"))
        if not action or not message_id or len(message_id) > _MAX_ID_LENGTH:
            raise Malformed("SOAP envelope", "has no action or no usable message id")
        return cls(
            action,
            message_id,
            header.content((WSA, "To")),
            header.content((WSA, "RelatesTo")),
            header.content((WSA, "ReplyTo"), (WSA, "Address")),
            body,
        )


@dataclass(frozen=True, slots=True)
class AppSequence:
    """The order of a service's messages: *instance_id* grows with every start of the service."""

    instance_id: int
    message_number: int


@dataclass(frozen=True, slots=True)
class Headers:
    """The addressing headers of a message to send."""

    action: str
    message_id: str
    to: str = ANONYMOUS
    relates_to: str = ""
    sequence: AppSequence | None = None


def encode_envelope(headers: Headers, body: str) -> bytes:
    """Return a whole message; *body* is markup. Raises LocalError beyond MAX_ENVELOPE_SIZE."""
    parts = [
        element("wsa:To", text(headers.to)),
        element("wsa:Action", text(headers.action)),
        element("wsa:MessageID", text(headers.message_id)),
    ]
    if headers.relates_to:
        parts.append(element("wsa:RelatesTo", text(headers.relates_to)))
    if headers.sequence:
        parts.append(
            element(
                "wsd:AppSequence",
                InstanceId=str(headers.sequence.instance_id),
                MessageNumber=str(headers.sequence.message_number),
            )
        )
    # Those of the headers, and whatever the body may use: an answer is to be small.
    declared = {
        f"xmlns:{prefix}": uri
        for prefix, uri in PREFIXES.items()
        if prefix in _HEADER_PREFIXES or f"{prefix}:" in body
    }
    whole = element(
        "soap:Envelope",
        element("soap:Header", *parts),
        element("soap:Body", body),
        **declared,
    )
    data = f'<?xml version="1.0" encoding="utf-8"?>{whole}'.encode()
    if len(data) > MAX_ENVELOPE_SIZE:
        raise LocalError(f"a message holds at most {MAX_ENVELOPE_SIZE} bytes, not {len(data)}")
    return data
