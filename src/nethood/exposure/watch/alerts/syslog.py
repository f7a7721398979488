"""Alerts to a log, RFC 5424: over UDP (RFC 5426), TCP (RFC 6587) or a local socket.

A log never answers: what went out by UDP or TCP is SENT, what is in the queue of a local socket
DELIVERED. The whole of an alert is one line.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from nethood.errors import ConnectionLost, TransportError
from nethood.exposure.findings.words import clean
from nethood.exposure.watch.alerts.channel import outcome
from nethood.exposure.watch.alerts.render import subject_line
from nethood.exposure.watch.events import Alert, AlertKind, Fate, Outcome
from nethood.exposure.watch.policy_file import FACILITIES, SyslogTable
from nethood.net import log_line

NOTICE = 5
INFORMATIONAL = 6
WARNING = 4
_SEVERITIES = {
    AlertKind.RECOVERED: NOTICE,
    AlertKind.CHECKABLE: NOTICE,
    AlertKind.HEARTBEAT: INFORMATIONAL,
    AlertKind.TEST: NOTICE,
}
_LIMIT = 2048
"""Octets a receiver should be able to take, RFC 5424 6.1."""
_BOM = "\ufeff"
_NIL = "-"
_PORTS = {"udp": 514, "tcp": 601}


@dataclass(frozen=True, slots=True)
class SyslogChannel:
    """A log; *host* is the name it is told for this machine."""

    name: str
    settings: SyslogTable
    host: str = field(default_factory=platform.node)
    kind: str = "syslog"

    async def send(self, alert: Alert) -> Outcome:
        """Send one alert, once."""
        parts = urlsplit(self.settings.address)
        message = encode_message(alert, self.settings.facility, self.host)
        timeout_s = self.settings.timeout
        try:
            if parts.scheme == "unix":
                await log_line.send_local(parts.path, message, timeout_s)
                return outcome(self, alert, Fate.DELIVERED)
            send = log_line.send_udp if parts.scheme == "udp" else log_line.send_tcp
            port = parts.port or _PORTS[parts.scheme]
            await send(parts.hostname or "", port, message, timeout_s)
        except ConnectionLost as error:
            return outcome(self, alert, Fate.UNCERTAIN, f"syslog to {parts.netloc}: {error}")
        except TransportError as error:
            return outcome(self, alert, Fate.FAILED, f"syslog to {error}")
        return outcome(self, alert, Fate.SENT)


def encode_message(alert: Alert, facility: str, host: str) -> bytes:
    """Return one message of RFC 5424 6, cut to what every receiver should take."""
    priority = FACILITIES.index(facility) * 8 + _SEVERITIES.get(alert.kind, WARNING)
    time = datetime.fromtimestamp(alert.at_unix, UTC).isoformat(timespec="milliseconds")
    header = " ".join(
        (
            f"<{priority}>1",
            time.replace("+00:00", "Z"),
            _printable(host, 255),
            "nethood",
            str(os.getpid()),
            _printable(alert.kind.name.lower(), 32),
            _NIL,
        )
    )
    return _cut(f"{header} {_BOM}{_line(alert)}".encode())


def _line(alert: Alert) -> str:
    more = [clean(line, 300) for line in (*alert.members, *alert.evidence)]
    acknowledge = [f"deviation {alert.deviation_id}"] if alert.deviation_id is not None else []
    return " | ".join((subject_line(alert), *acknowledge, f"event {alert.id}", *more))


def _printable(text: str, limit: int) -> str:
    """Return *text* as PRINTUSASCII without spaces, "-" for none."""
    return "".join(c for c in text if "!" <= c <= "~")[:limit] or _NIL


def _cut(message: bytes) -> bytes:
    """Cut at the limit, not within a character."""
    if len(message) <= _LIMIT:
        return message
    return message[:_LIMIT].decode("utf-8", "ignore").encode()
