"""What a policy's tables must be together: names that exist, files that are there, times in order.

Each problem comes with the place it is at, as keys from the top of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

from nethood.errors import LocalError
from nethood.exposure.target_specs import parse_spec, read_files
from nethood.exposure.watch.checks import KEYS, HardenCheck
from nethood.exposure.watch.policy_faults import did_you_mean
from nethood.exposure.watch.policy_file import (
    CommandTable,
    GroupBase,
    MaintenanceTable,
    PolicyTable,
    SmtpTable,
    WebhookTable,
    WebTable,
    field_of,
)
from nethood.exposure.watch.policy_lines import KeyPath
from nethood.net.interfaces import is_private_range

Problem = tuple[KeyPath, str]


def problems(table: PolicyTable, folder: Path) -> Iterator[Problem]:
    """Yield everything wrong with *table* beyond its single values."""
    yield from _top(table)
    for name, group in table.groups.items():
        yield from _group(table, ("groups", name), group, folder)
    yield from _channels(table, folder)
    for number, window in enumerate(table.maintenance):
        yield from _window(table, ("maintenance", str(number)), window)
    yield from _web(table, folder)
    yield from _state(table, folder)


def _top(table: PolicyTable) -> Iterator[Problem]:
    if not table.groups:
        yield (), 'there is no group; add [groups.NAME] with targets = ["192.168.1.0/24"]'
    for key in ("tell", "heartbeat_tell"):
        yield from _names((key,), getattr(table, key) or (), list(table.alerts), "alerts")
    if not _is_zone(table.time_zone):
        yield ("time_zone",), _no_zone(table.time_zone)
    if table.seen_from and not _is_address(table.seen_from):
        yield ("seen_from",), f"{table.seen_from!r} is no address; write it like 10.0.0.5"


def _names(
    where: KeyPath, names: tuple[str, ...], known: list[str], table: str
) -> Iterator[Problem]:
    for number, name in enumerate(names):
        if name not in known:
            hint = did_you_mean(name, known) if known else f"add [{table}.{name}]"
            yield (*where, str(number)), f"there is no [{table}.{name}]; {hint}"


def _group(table: PolicyTable, where: KeyPath, group: GroupBase, folder: Path) -> Iterator[Problem]:
    if ":" in where[1]:
        yield where, "a group's name can't have a colon in it"
    yield from _names((*where, "tell"), group.tell or (), list(table.alerts), "alerts")
    checks = [check for key in KEYS if (check := getattr(group, field_of(key))) is not None]
    if not checks:
        yield where, 'nothing is expected of it; add for example 445 = "closed"'
    if not group.targets:
        yield (*where, "targets"), "the list is empty; name at least one address, network or host"
    for key, texts in (("targets", group.targets), ("exclude", group.exclude)):
        for number, text in enumerate(texts):
            check_public = key == "targets" and not table.public
            for problem in _target(text, folder, check_public=check_public):
                yield (*where, key, str(number)), problem
    for check in checks:
        if isinstance(check, HardenCheck) and not (folder / check.plan).exists():
            yield (*where, "harden"), f"there is no {folder / check.plan}; name the applied plan"


def _target(text: str, folder: Path, *, check_public: bool) -> Iterator[str]:
    path = f"@{folder / text[1:]}" if text.startswith("@") else text
    try:
        specs = [parse_spec(one) for one in read_files([path])]
    except LocalError as error:
        yield str(error)
        return
    for spec in specs:
        block = spec.block
        if check_public and block and not is_private_range(block.version, block.first, block.last):
            yield (
                f"{spec.text} is public or has public addresses in it;"
                " watch only what is yours, and then with public = true"
            )
            return


def _channels(table: PolicyTable, folder: Path) -> Iterator[Problem]:
    for name, channel in table.alerts.items():
        where = ("alerts", name)
        for key, value in channel:
            if isinstance(value, Path) and not (folder / value).is_file():
                yield (*where, key), f"there is no file {folder / value}"
        if isinstance(channel, WebhookTable):
            yield from _one_of(where, channel, ("url", "url_env", "url_file"), required=True)
            yield from _one_of(where, channel, ("secret_env", "secret_file"))
            yield from _one_of(where, channel, ("token_env", "token_file"))
        elif isinstance(channel, SmtpTable):
            yield from _smtp(where, channel)
        elif isinstance(channel, CommandTable) and not channel.argv:
            yield (*where, "argv"), "the list is empty; name the program, then its arguments"


def _smtp(where: KeyPath, channel: SmtpTable) -> Iterator[Problem]:
    yield from _one_of(where, channel, ("password_env", "password_file"))
    has_password = bool(channel.password_env or channel.password_file)
    if bool(channel.user) != has_password:
        yield where, "a login needs both user and password_env (or password_file); add the other"
    if has_password and channel.security == "none":
        yield (*where, "security"), 'a password would go unprotected; write "starttls" or "tls"'
    if not channel.to:
        yield (*where, "to"), 'the list is empty; write to = ["ops@example.org"]'
    for key, addresses in (("sender", (channel.sender,)), ("to", channel.to)):
        for address in addresses:
            if "@" not in address.strip("@") or not address.isprintable():
                yield (*where, key), f"{address!r} is no mail address; write name@example.org"


def _one_of(
    where: KeyPath, table: object, keys: tuple[str, ...], *, required: bool = False
) -> Iterator[Problem]:
    given = [key for key in keys if getattr(table, key)]
    if len(given) > 1:
        yield (*where, given[1]), f"there is {given[0]} already; keep one of them"
    if required and not given:
        yield where, f"{keys[0]} is missing; add one of {', '.join(keys)}"


def _window(table: PolicyTable, where: KeyPath, window: MaintenanceTable) -> Iterator[Problem]:
    yield from _names((*where, "groups"), window.groups, list(table.groups), "groups")
    if window.time_zone and not _is_zone(window.time_zone):
        yield (*where, "time_zone"), _no_zone(window.time_zone)
    dated = [isinstance(moment, datetime) for moment in (window.start, window.end)]
    if dated[0] != dated[1]:
        yield (*where, "end"), "start has a date and end has none, or the other way round"
    elif dated[0] and window.days is not None:
        yield (*where, "days"), 'write times of day with days, as start = "22:00"'
    elif not dated[0] and window.days is None:
        yield (*where, "start"), 'days is missing; add days = ["saturday"], or give dates'
    elif isinstance(window.start, datetime) and isinstance(window.end, datetime):
        yield from _order(where, window.start, window.end)
    elif window.start == window.end:
        yield (*where, "end"), 'end is start; for a whole day write "00:00" and "23:59"'


def _order(where: KeyPath, start: datetime, end: datetime) -> Iterator[Problem]:
    if (start.tzinfo is None) != (end.tzinfo is None):
        yield (*where, "end"), "give both start and end an offset from UTC, or neither"
    elif end <= start:
        yield (*where, "end"), f"the window ends before it starts, at {start}"


def _web(table: PolicyTable, folder: Path) -> Iterator[Problem]:
    web = table.web
    if bool(web.certificate) != bool(web.key):
        yield ("web",), "https needs both certificate and key; add the other"
    if web.users is None and (reason := _why_login(web)):
        yield (
            ("web", reason),
            "others can reach the dashboard then, so it needs a login; make a file of users with"
            ' `nethood watch --web-user NAME` and add users = "FILE"',
        )
    for key in ("users", "certificate", "key"):
        path = getattr(web, key)
        if path is not None and not (folder / path).is_file():
            yield ("web", key), f"there is no file {folder / path}"


def _why_login(web: WebTable) -> str:
    """Return the key by which others than this machine reach the dashboard, "" for none."""
    host = web.listen.rpartition(":")[0].strip("[]")
    if host and host != "localhost" and not _is_loopback(host):
        return "listen"
    return next((key for key in ("behind_https", "names") if getattr(web, key)), "")


def _is_loopback(text: str) -> bool:
    return _is_address(text) and ip_address(text).is_loopback


def _state(table: PolicyTable, folder: Path) -> Iterator[Problem]:
    yield from _one_of(("state",), table.state, ("url", "url_env", "url_file"))
    path = table.state.url_file
    if path is not None and not (folder / path).is_file():
        yield ("state", "url_file"), f"there is no file {folder / path}"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_zone(name: str) -> bool:
    if name in ("local", "UTC"):
        return True
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True


def _no_zone(name: str) -> str:
    return f'there is no time zone {name!r}; write one such as "Europe/Lisbon", "UTC" or "local"'
