"""The role of a discoverable computer: what it says, and what it answers to whom.

WS-Discovery 4 (Hello, Bye), 5 (Probe), 6 (Resolve); Devices Profile 5 (metadata); [MS-PBSD] 2.2.
The client's role is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nethood.errors import Malformed
from nethood.wsd import names
from nethood.wsd.envelope import AppSequence, Envelope, Headers, encode_envelope
from nethood.wsd.tree import QName, element, text

_TYPES = "wsdp:Device pub:Computer"
_OWN_TYPES = frozenset({names.DEVICE_TYPE, names.COMPUTER_TYPE})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is found: *endpoint* is ``urn:uuid:...``, the same after every restart."""

    endpoint: str
    host_name: str
    workgroup: str

    @property
    def computer(self) -> str:
        """The content of pub:Computer, [MS-PBSD] 2.2.

        Deviates: the specification writes a backslash before Workgroup; the hosts Explorer lists
        write a slash, as for a domain.
        """
        return f"{self.host_name}/Workgroup:{self.workgroup}"

    @property
    def path(self) -> str:
        """The path of the metadata's URL."""
        return "/" + self.endpoint.removeprefix("urn:uuid:")

    def url(self, address: str, port: int = names.HTTP_PORT) -> str:
        """Return where the metadata is, for one address of this machine without its scope."""
        return f"http://{f'[{address}]' if ':' in address else address}:{port}{self.path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A message to send back; *is_delayed* where many may answer at once (WS-Discovery 5.3)."""

    data: bytes
    is_delayed: bool


class TargetService:
    """One discoverable computer.

    *instance_id* (seconds since 1970 at the start) must grow with every start; *new_id* gives a
    fresh ``urn:uuid:...`` for each message.
    """

    def __init__(self, identity: Identity, instance_id: int, new_id: Callable[[], str]) -> None:
        self.identity = identity
        self._instance_id = instance_id
        self._new_id = new_id
        self._message_number = 0

    def hello(self, url: str) -> bytes:
        """Return the announcement of one interface, WS-Discovery 4.1."""
        return self._announce(names.HELLO, element("wsd:Hello", self._description(url)))

    def bye(self) -> bytes:
        """Return the farewell, WS-Discovery 4.2."""
        return self._announce(names.BYE, element("wsd:Bye", self._reference()))

    def answer(self, request: Envelope, url: str) -> Answer | None:
        """Return what a UDP message is answered with, None where silence is the answer.

        *url* is the metadata's at the address of the interface the request came on. Raises
        Malformed.
        """
        if request.action == names.PROBE and self._is_sought(request):
            return Answer(self._matches("Probe", request, url), True)
        if request.action == names.RESOLVE and self._is_meant(request):
            return Answer(self._matches("Resolve", request, url), False)
        return None

    def answer_http(self, request: Envelope, url: str) -> bytes | None:
        """Return what a message posted to *url* is answered with: metadata, or matches.

        A directed probe that does not match gets an empty list (Devices Profile 4.1). None for
        any other action. Raises Malformed.
        """
        if request.action == names.GET:
            return self._metadata(request)
        if request.action == names.PROBE:
            if self._is_sought(request):
                return self._matches("Probe", request, url)
            headers = self._reply_headers(names.PROBE_MATCHES, request)
            return encode_envelope(headers, element("wsd:ProbeMatches"))
        return None

    def _is_sought(self, request: Envelope) -> bool:
        """Tell whether a probe matches: all its types are ours and it names no scope."""
        probe = request.body.find((names.WSD, "Probe"))
        if probe is None:
            raise Malformed("Probe", "has no wsd:Probe")
        types = probe.find((names.WSD, "Types"))
        wanted: list[QName] = types.qnames() if types else []
        return _OWN_TYPES.issuperset(wanted) and not probe.content((names.WSD, "Scopes"))

    def _is_meant(self, request: Envelope) -> bool:
        resolve = request.body.find((names.WSD, "Resolve"))
        if resolve is None:
            raise Malformed("Resolve", "has no wsd:Resolve")
        address = resolve.content((names.WSA, "EndpointReference"), (names.WSA, "Address"))
        return address.lower() == self.identity.endpoint

    def _matches(self, kind: str, request: Envelope, url: str) -> bytes:
        match = element(f"wsd:{kind}Match", self._description(url))
        headers = self._reply_headers(f"{names.WSD}/{kind}Matches", request)
        return encode_envelope(headers, element(f"wsd:{kind}Matches", match))

    def _announce(self, action: str, body: str) -> bytes:
        headers = Headers(action, self._new_id(), names.EVERYBODY, sequence=self._next_sequence())
        return encode_envelope(headers, body)

    def _reply_headers(self, action: str, request: Envelope) -> Headers:
        return Headers(
            action,
            self._new_id(),
            relates_to=request.message_id,
            sequence=self._next_sequence(),
        )

    def _next_sequence(self) -> AppSequence:
        self._message_number += 1
        return AppSequence(self._instance_id, self._message_number)

    def _reference(self) -> str:
        return element(
            "wsa:EndpointReference", element("wsa:Address", text(self.identity.endpoint))
        )

    def _description(self, url: str) -> str:
        """Return what Hello and both matches say of the endpoint."""
        return (
            self._reference()
            + element("wsd:Types", _TYPES)
            + element("wsd:XAddrs", text(url))
            # Names and workgroup change only with a restart, so its time is their version.
            + element("wsd:MetadataVersion", str(self._instance_id))
        )

    def _metadata(self, request: Envelope) -> bytes:
        """Return the GetResponse: this device, this model, and what it hosts."""
        who = self.identity
        device = element(
            "wsdp:ThisDevice",
            element("wsdp:FriendlyName", text(who.host_name)),
            element("wsdp:FirmwareVersion", "1.0"),
            element("wsdp:SerialNumber", "1"),
        )
        model = element(
            "wsdp:ThisModel",
            element("wsdp:Manufacturer", "nethood"),
            element("wsdp:ModelName", "nethood"),
            element("pnpx:DeviceCategory", "Computers"),
        )
        host = element(
            "wsdp:Host",
            self._reference(),
            element("wsdp:Types", "pub:Computer"),
            element("wsdp:ServiceId", text(who.endpoint)),
            element("pub:Computer", text(who.computer)),
        )
        relationship = element("wsdp:Relationship", host, Type=f"{names.WSDP}/host")
        sections = (
            _section("ThisDevice", device),
            _section("ThisModel", model),
            _section("Relationship", relationship),
        )
        headers = Headers(names.GET_RESPONSE, self._new_id(), relates_to=request.message_id)
        return encode_envelope(headers, element("wsx:Metadata", *sections))


def _section(dialect: str, content: str) -> str:
    return element("wsx:MetadataSection", content, Dialect=f"{names.WSDP}/{dialect}")
