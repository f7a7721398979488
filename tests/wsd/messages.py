"""Messages as clients write them: other prefixes, other order, line breaks."""

from __future__ import annotations

PROBE_ID = "urn:uuid:967d0036-fe69-40ad-8191-dd1fc8ef64ab"

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
    xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
    xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">
 <s:Header>
  <a:Action>{action}</a:Action>
  <a:MessageID>
    {message_id}
  </a:MessageID>
  <a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
 </s:Header>
 <s:Body>{body}</s:Body>
</s:Envelope>"""

_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery/"

COMPUTER = (
    '<d:Types xmlns:x="http://schemas.microsoft.com/windows/pub/2005/07"'
    ' xmlns:y="http://schemas.xmlsoap.org/ws/2006/02/devprof">y:Device x:Computer</d:Types>'
)
DEVICE = '<d:Types xmlns:y="http://schemas.xmlsoap.org/ws/2006/02/devprof">y:Device</d:Types>'
PRINTER = '<d:Types xmlns:x="urn:printers">x:Printer</d:Types>'
SCOPE = "<d:Scopes>ldap:///ou=cellar</d:Scopes>"


def probe(content: str = DEVICE, message_id: str = PROBE_ID) -> bytes:
    """Return a Probe; *content* is what the element holds."""
    return _message(f"{_DISCOVERY}Probe", f"<d:Probe>{content}</d:Probe>", message_id)


def resolve(address: str, message_id: str = PROBE_ID) -> bytes:
    """Return a Resolve of one endpoint."""
    reference = f"<a:EndpointReference><a:Address>{address}</a:Address></a:EndpointReference>"
    return _message(f"{_DISCOVERY}Resolve", f"<d:Resolve>{reference}</d:Resolve>", message_id)


def get(message_id: str = PROBE_ID) -> bytes:
    """Return a WS-Transfer Get."""
    return _message("http://schemas.xmlsoap.org/ws/2004/09/transfer/Get", "", message_id)


def other(action: str, body: str = "") -> bytes:
    """Return a message with any action."""
    return _message(action, body, PROBE_ID)


def _message(action: str, body: str, message_id: str) -> bytes:
    return _ENVELOPE.format(action=action, body=body, message_id=message_id).encode()
