"""The shape of POLICY.toml, and the rules each value obeys.

A value that breaks one raises ValueError with what to write instead; policy_reading.py makes a
sentence with the line of it.
"""

from __future__ import annotations

import re
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StrictInt,
    create_model,
)

from nethood.exposure.watch.checks import KEYS, Check, parse_check
from nethood.exposure.watch.maintenance import DAYS

_DURATION = re.compile(r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_UNIT_S = (86400, 3600, 60, 1)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_LONGEST_S = 366 * 86400.0
FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "audit",
    "alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]


def parse_duration(value: object) -> float:
    """Read "5m", "1h30m" or "2d" into seconds. Raises ValueError."""
    match = _DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write how long in quotes, as "30s", "5m", "2h" or "1d"')
    seconds = sum(float(n) * unit for n, unit in zip(match.groups(), _UNIT_S, strict=True) if n)
    if seconds > _LONGEST_S:
        raise ValueError("that is longer than a year")
    return seconds


def parse_clock(value: object) -> time:
    """Read "08:00" or a TOML time. Raises ValueError."""
    if isinstance(value, time):
        return value
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a time of day in quotes, as "08:00"')
    return time(int(match[1]), int(match[2]))


def _above_zero(value: object) -> float:
    seconds = parse_duration(value)
    if seconds < 1:
        raise ValueError('write at least "1s"')
    return seconds


def _heartbeat(value: object) -> float | time | None:
    if value == "never":
        return None
    try:
        return parse_clock(value)
    except ValueError:
        pass
    try:
        return _above_zero(value)
    except ValueError:
        raise ValueError('write "1d", "08:00" (each day at that time) or "never"') from None


def _moment(value: object) -> datetime | time:
    """Read the start or end of a window: a TOML date and time, or a time of day."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and (len(value) > 5 or "-" in value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError('write it like 2026-12-24T18:00:00, or "22:00" with days') from None
    return parse_clock(value)


def _days(value: object) -> frozenset[int]:
    if value == "every day":
        return frozenset(range(7))
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(day, str) for day in words):
        raise ValueError('write days = ["saturday", "sunday"] or "every day"')
    numbers = [_day(day) for day in words]
    return frozenset(numbers)


def _day(word: str) -> int:
    short = word.lower()
    found = [n for n, day in enumerate(DAYS) if len(short) > 1 and day.startswith(short)]
    if len(found) != 1:
        raise ValueError(f"{word!r} is no day; there are {', '.join(DAYS)}")
    return found[0]


def _list_of_text(value: object) -> object:
    """Take one text for a list of one."""
    return (value,) if isinstance(value, str) else value


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('write an address such as "https://chat.example/hook"')
    return value


def _syslog_address(value: object) -> str:
    text = value if isinstance(value, str) else ""
    parts = urlsplit(text)
    try:
        is_host = parts.scheme in ("udp", "tcp") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_host = False
    if not is_host and not (parts.scheme == "unix" and parts.path.startswith("/")):
        raise ValueError('write "udp://loghost:514", "tcp://loghost:601" or "unix:///dev/log"')
    return text


def _facility(value: object) -> str:
    if value not in FACILITIES:
        raise ValueError(f'write "daemon" or another of {", ".join(FACILITIES)}')
    return str(value)


def parse_listen(value: object) -> str:
    """Check ADDRESS:PORT; IPv6 in brackets. Raises ValueError."""
    text = value if isinstance(value, str) else ""
    host, colon, port = text.rpartition(":")
    is_host = bool(host) and (":" not in host or (host[0] == "[" and host[-1] == "]"))
    if not colon or not is_host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError('write ADDRESS:PORT, as "127.0.0.1:8137" or "[::1]:8137"')
    return text


Duration = Annotated[float, PlainValidator(parse_duration)]
Period = Annotated[float, PlainValidator(_above_zero)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_list_of_text)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class _Channel(_Table):
    timeout: Period = 10.0


class WebhookTable(_Channel):
    """An HTTP POST. With a secret it is signed; *token* goes as a bearer token."""

    kind: Literal["webhook"]
    url: Annotated[str, PlainValidator(lambda v: _web_url(v if isinstance(v, str) else ""))] = ""
    url_env: str = ""
    url_file: Path | None = None
    secret_env: str = ""
    secret_file: Path | None = None
    token_env: str = ""
    token_file: Path | None = None
    format: Literal["json", "slack", "teams", "ntfy"] = "json"
    ca: Path | None = None
    proxy: str = ""


class SmtpTable(_Channel):
    """A mail. *security* "starttls" and "tls" check the server's certificate."""

    kind: Literal["smtp"]
    host: str
    port: Port | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    to: Texts
    user: str = ""
    password_env: str = ""
    password_file: Path | None = None
    ca: Path | None = None


class SyslogTable(_Channel):
    """A line of RFC 5424."""

    kind: Literal["syslog"]
    address: Annotated[str, PlainValidator(_syslog_address)] = "unix:///dev/log"
    facility: Annotated[str, PlainValidator(_facility)] = "daemon"


class CommandTable(_Channel):
    """A program, without a shell; the alert is JSON on its standard input."""

    kind: Literal["command"]
    argv: Texts


ChannelTable = WebhookTable | SmtpTable | SyslogTable | CommandTable
CHANNELS: dict[str, type[_Channel]] = {
    "webhook": WebhookTable,
    "smtp": SmtpTable,
    "syslog": SyslogTable,
    "command": CommandTable,
}


class MaintenanceTable(_Table):
    """A window: *start* and *end* are dates with times, or times of day where *days* stands."""

    groups: Texts = ()
    start: Annotated[datetime | time, PlainValidator(_moment)]
    end: Annotated[datetime | time, PlainValidator(_moment)]
    days: Annotated[frozenset[int] | None, PlainValidator(_days)] = None
    time_zone: str = ""
    note: str = ""


class FloodTable(_Table):
    """More than *limit* alerts within *within* become one."""

    limit: Annotated[StrictInt, Field(ge=1, le=100_000)] = 10
    within: Period = 300.0


class WebTable(_Table):
    """The dashboard."""

    listen: Annotated[str, PlainValidator(parse_listen)] = ""
    users: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_https: StrictBool = False
    names: Texts = ()


class StateTable(_Table):
    """Where the state is kept."""

    url: str = ""
    url_env: str = ""
    url_file: Path | None = None
    keep: Period = 400 * 86400.0


class MetricsTable(_Table):
    """Where Prometheus reads."""

    listen: Annotated[str, PlainValidator(parse_listen)]


class GroupBase(_Table):
    """A group without its expectations, which `GroupTable` adds."""

    targets: Texts
    exclude: Texts = ()
    every: Period | None = None
    confirm_after: Duration | None = None
    unknown_after: Annotated[StrictInt, Field(ge=0, le=10_000)] | None = None
    tell: Texts | None = None


def field_of(key: str) -> str:
    """Return the field an expectation is in: a field's name can't be a number."""
    return f"expect_{key}"


def _expectation(key: str) -> Any:
    def parse(value: object) -> Check:
        return parse_check(key, value)

    return Annotated[Any, PlainValidator(parse)], Field(default=None, alias=key)


GroupTable: type[GroupBase] = create_model(
    "GroupTable", __base__=GroupBase, **{field_of(key): _expectation(key) for key in KEYS}
)


class PolicyTable(_Table):
    """The whole file."""

    every: Period = 300.0
    confirm_after: Duration = 30.0
    unknown_after: Annotated[StrictInt, Field(ge=0, le=10_000)] = 3
    tell: Texts = ()
    heartbeat: Annotated[float | time | None, PlainValidator(_heartbeat)] = 86400.0
    heartbeat_tell: Texts | None = None
    time_zone: str = "local"
    timeout: Period = 3.0
    rate: Annotated[float, Field(strict=True, gt=0, le=100_000)] | None = None
    public: StrictBool = False
    seen_from: str = ""
    groups: dict[str, GroupTable] = {}
    alerts: dict[str, Annotated[ChannelTable, Field(discriminator="kind")]] = {}
    maintenance: tuple[MaintenanceTable, ...] = ()
    flood: FloodTable = FloodTable()
    web: WebTable = WebTable()
    state: StateTable = StateTable()
    metrics: MetricsTable | None = None
