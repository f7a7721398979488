"""SPNEGO tokens as DER: RFC 4178 4.2 and [MS-SPNG] 2.2.1.

pyasn1 does the encoding; importing it takes some 30 milliseconds, so import this module when
the first token is at hand. The structures are described here, once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import char, namedtype, namedval, tag, tagmap, univ

from nethood.errors import Malformed

SPNEGO_OID = "1.3.6.1.5.5.2"
NTLMSSP_OID = "1.3.6.1.4.1.311.2.2.10"
NEGOEX_OID = "1.3.6.1.4.1.311.2.2.30"
KERBEROS_OID = "1.2.840.113554.1.2.2"
MS_KERBEROS_OID = "1.2.840.48018.1.2.2"
KERBEROS_USER_TO_USER_OID = "1.2.840.113554.1.2.2.3"
MECHANISM_NAMES = {
    NTLMSSP_OID: "NTLM",
    NEGOEX_OID: "NEGOEX",
    KERBEROS_OID: "Kerberos",
    MS_KERBEROS_OID: "Kerberos",
    KERBEROS_USER_TO_USER_OID: "Kerberos",
}

ACCEPT_COMPLETED = 0
ACCEPT_INCOMPLETE = 1
REJECT = 2
REQUEST_MIC = 3

MAX_TOKEN_SIZE = 0x10000
"""Windows sends at most 48,256 bytes, a Kerberos ticket with very many groups."""
_MAX_MECH_TYPES_SIZE = 512
_HINT = "not_defined_in_RFC4178@please_ignore"


class NegTokenInit(NamedTuple):
    """What counts of a client's first token."""

    mech_types: list[str]
    """Object identifiers, the preferred mechanism first."""
    mech_types_der: bytes
    """The same as sent, which is what a mechListMIC signs."""
    mech_token: bytes


class NegTokenResp(NamedTuple):
    """Any later token, of either side; absent fields are None."""

    neg_state: int | None = None
    supported_mech: str | None = None
    response_token: bytes | None = None
    mech_list_mic: bytes | None = None


def _explicit(spec: Any, number: int) -> Any:
    tagged = tag.Tag(tag.tagClassContext, tag.tagFormatConstructed, number)
    return spec.subtype(explicitTag=tagged)


class _Raw(univ.Any):  # type: ignore[misc]
    """The bytes inside an explicit tag. Unlike Any it matches its own tag only."""

    @property
    def tagMap(self) -> Any:
        return tagmap.TagMap({self.tagSet: self})


def _fields(*fields: tuple[str, Any]) -> Any:
    """Return a sequence of optional fields, tagged by their place; None leaves a number out."""
    return univ.Sequence(
        componentType=namedtype.NamedTypes(
            *(
                namedtype.OptionalNamedType(name, _explicit(spec, number))
                for number, (name, spec) in enumerate(fields)
            )
        )
    )


_MECH_TYPE_LIST = univ.SequenceOf(componentType=univ.ObjectIdentifier())
# mechTypes stays undecoded: its bytes are signed as they came, and its length is bounded before
# anyone counts its members. From the field numbered 3 on, the two kinds of token differ, and
# nothing there is of use to an acceptor.
_INIT = _fields(
    ("mechTypes", _Raw()),
    ("reqFlags", _Raw()),
    ("mechToken", univ.OctetString()),
    ("negHints", _Raw()),
    ("mechListMIC", _Raw()),
)
_NEG_STATE = univ.Enumerated(
    namedValues=namedval.NamedValues(
        ("accept-completed", ACCEPT_COMPLETED),
        ("accept-incomplete", ACCEPT_INCOMPLETE),
        ("reject", REJECT),
        ("request-mic", REQUEST_MIC),
    )
)
_RESP = _fields(
    ("negState", _NEG_STATE),
    ("supportedMech", univ.ObjectIdentifier()),
    ("responseToken", univ.OctetString()),
    ("mechListMIC", univ.OctetString()),
)
_HINTS = _fields(("hintName", char.GeneralString()), ("hintAddress", univ.OctetString()))
_INIT_2 = _fields(
    ("mechTypes", _MECH_TYPE_LIST),
    ("reqFlags", _Raw()),
    ("mechToken", univ.OctetString()),
    ("negHints", _HINTS),
)


def _gss(init: Any) -> Any:
    """Return the wrapping of a first token, RFC 2743 3.1."""
    application = tag.Tag(tag.tagClassApplication, tag.tagFormatConstructed, 0)
    return univ.Sequence(
        componentType=namedtype.NamedTypes(
            namedtype.NamedType("thisMech", univ.ObjectIdentifier()),
            namedtype.NamedType("negTokenInit", _explicit(init, 0)),
        )
    ).subtype(implicitTag=application)


_GSS_INIT = _gss(_INIT)
_BARE_INIT = _explicit(_INIT, 0)
_GSS_INIT_2 = _gss(_INIT_2)
_TAGGED_RESP = _explicit(_RESP, 1)


def _decode(structure: str, data: bytes, spec: Any) -> Any:
    if len(data) > MAX_TOKEN_SIZE:
        raise Malformed(structure, f"is {len(data)} bytes long")
    try:
        value, rest = decoder.decode(data, asn1Spec=spec)
    except (PyAsn1Error, ValueError, TypeError, IndexError, OverflowError) as problem:
        # pyasn1 trips over some bytes before it notices that they are wrong.
        raise Malformed(structure, f"is not valid DER ({type(problem).__name__})") from problem
    if rest:
        raise Malformed(structure, f"is followed by {len(rest)} more bytes", len(data) - len(rest))
    return value


def _octets(value: Any, name: str) -> bytes | None:
    field = value[name]
    return bytes(field) if field.isValue else None


def decode_neg_token_init(token: bytes) -> NegTokenInit:
    """Read a client's first token, with its GSS wrapping or without. Raises Malformed."""
    if token[:1] == b"\x60":
        wrapped = _decode("NegTokenInit", token, _GSS_INIT)
        if str(wrapped["thisMech"]) != SPNEGO_OID:
            raise Malformed("NegTokenInit", f"is of mechanism {wrapped['thisMech']}")
        init = wrapped["negTokenInit"]
    else:
        init = _decode("NegTokenInit", token, _BARE_INIT)
    der = _octets(init, "mechTypes") or b""
    if len(der) > _MAX_MECH_TYPES_SIZE:
        raise Malformed("MechTypeList", f"is {len(der)} bytes long")
    mech_types = [str(oid) for oid in _decode("MechTypeList", der, _MECH_TYPE_LIST)]
    return NegTokenInit(mech_types, der, _octets(init, "mechToken") or b"")


def decode_neg_token_resp(token: bytes) -> NegTokenResp:
    """Read a later token. Raises Malformed."""
    resp = _decode("NegTokenResp", token, _TAGGED_RESP)
    return NegTokenResp(
        int(resp["negState"]) if resp["negState"].isValue else None,
        str(resp["supportedMech"]) if resp["supportedMech"].isValue else None,
        _octets(resp, "responseToken"),
        _octets(resp, "mechListMIC"),
    )


def encode_neg_token_resp(resp: NegTokenResp) -> bytes:
    """Return a later token, of the fields that are not None."""
    value = _TAGGED_RESP.clone()
    names = ("negState", "supportedMech", "responseToken", "mechListMIC")
    for name, field in zip(names, resp, strict=True):
        if field is not None:
            value[name] = field
    return bytes(encoder.encode(value))


def encode_neg_token_init_2(mech_types: list[str]) -> bytes:
    """Return the token a server speaks first with, [MS-SPNG] 3.2.5.2."""
    value = _init_2(mech_types)
    value["negTokenInit"]["negHints"]["hintName"] = _HINT
    return bytes(encoder.encode(value))


def encode_neg_token_init(mech_types: list[str], mech_token: bytes) -> bytes:
    """Return a client's first token, *mech_token* being for the first mechanism, RFC 4178 4.2.1."""
    value = _init_2(mech_types)
    value["negTokenInit"]["mechToken"] = mech_token
    return bytes(encoder.encode(value))


def _init_2(mech_types: list[str]) -> Any:
    value = _GSS_INIT_2.clone()
    value["thisMech"] = SPNEGO_OID
    value["negTokenInit"]["mechTypes"].extend(mech_types)
    return value
