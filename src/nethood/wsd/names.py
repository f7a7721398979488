"""Namespaces, actions, addresses and limits of WS-Discovery and its neighbours."""

from __future__ import annotations

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
WSX = "http://schemas.xmlsoap.org/ws/2004/09/mex"
WXF = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WSDP = "http://schemas.xmlsoap.org/ws/2006/02/devprof"
PNPX = "http://schemas.microsoft.com/windows/pnpx/2005/10"
PUB = "http://schemas.microsoft.com/windows/pub/2005/07"

PREFIXES = {
    "soap": SOAP,
    "wsa": WSA,
    "wsd": WSD,
    "wsx": WSX,
    "wsdp": WSDP,
    "pnpx": PNPX,
    "pub": PUB,
}
"""What messages declare, as far as they use it; QNames in content rely on wsdp and pub."""

HELLO = f"{WSD}/Hello"
BYE = f"{WSD}/Bye"
PROBE = f"{WSD}/Probe"
PROBE_MATCHES = f"{WSD}/ProbeMatches"
RESOLVE = f"{WSD}/Resolve"
RESOLVE_MATCHES = f"{WSD}/ResolveMatches"
GET = f"{WXF}/Get"
GET_RESPONSE = f"{WXF}/GetResponse"

ANONYMOUS = f"{WSA}/role/anonymous"
EVERYBODY = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
"""The To of a multicast message: every target service, and discovery proxies."""

DEVICE_TYPE = (WSDP, "Device")
COMPUTER_TYPE = (PUB, "Computer")

UDP_PORT = 3702
HTTP_PORT = 5357
GROUP_V4 = "239.255.255.250"
GROUP_V6 = "ff02::c"

MAX_ENVELOPE_SIZE = 32767
"""The largest message taken or sent, Devices Profile appendix I."""
