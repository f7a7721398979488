"""Read POLICY.toml: everything wrong with it becomes a sentence, everything right a Policy."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from nethood.errors import ConfigError
from nethood.exposure.watch.checks import KEYS, HardenCheck
from nethood.exposure.watch.maintenance import Heartbeat, Once, Weekly, Window, day_words
from nethood.exposure.watch.policy import (
    Expectation,
    FloodLimits,
    Group,
    Policy,
    StateSettings,
    WebSettings,
)
from nethood.exposure.watch.policy_checks import problems
from nethood.exposure.watch.policy_faults import Faults, sentences
from nethood.exposure.watch.policy_file import (
    ChannelTable,
    GroupBase,
    MaintenanceTable,
    PolicyTable,
    field_of,
)

_LOCAL_TIME = Path("/etc/localtime")


def read_policy(path: Path) -> Policy:
    """Read and check the policy at *path*. Raises ConfigError with one line for every fault."""
    text = _read(path)
    faults = Faults(path, text)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(faults.of_syntax(str(error))) from None
    try:
        table = PolicyTable.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(sentences(faults, raw, error)) from None
    found = [faults.at(where, problem) for where, problem in problems(table, path.parent)]
    if found:
        raise ConfigError(faults.together(found))
    return _policy(path, text, raw, table)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def zone_named(name: str) -> tzinfo:
    """Return the time zone *name*; "local" is this machine's. Raises ValueError for no such."""
    if name == "UTC":
        return UTC
    if name != "local":
        try:
            return ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            raise ValueError(name) from None
    try:
        with _LOCAL_TIME.open("rb") as file:
            return ZoneInfo.from_file(file, key="local")
    except (OSError, ValueError):
        return datetime.now(UTC).astimezone().tzinfo or UTC


def _policy(path: Path, text: str, raw: Mapping[str, Any], table: PolicyTable) -> Policy:
    zone = zone_named(table.time_zone)
    folder = path.parent
    tell = table.heartbeat_tell if table.heartbeat_tell is not None else _told(table)
    return Policy(
        path=path,
        text=text,
        groups={
            name: _group(name, group, raw["groups"][name], table, folder)
            for name, group in table.groups.items()
        },
        channels={name: _anchored(channel, folder) for name, channel in table.alerts.items()},
        maintenance=tuple(_window(window, zone) for window in table.maintenance),
        flood=FloodLimits(table.flood.limit, table.flood.within),
        heartbeat=_heartbeat(table.heartbeat, zone),
        heartbeat_tell=tell,
        zone=zone,
        timeout_s=table.timeout,
        rate=table.rate,
        public=table.public,
        seen_from=table.seen_from,
        web=WebSettings(**_paths(table.web.model_dump(), folder)),
        state=_state(table, folder),
        metrics_listen=table.metrics.listen if table.metrics else "",
    )


def _told(table: PolicyTable) -> tuple[str, ...]:
    """Return every channel somebody is told by, in the order they are named."""
    groups = (
        group.tell if group.tell is not None else table.tell for group in table.groups.values()
    )
    return tuple(dict.fromkeys(name for names in (table.tell, *groups) for name in names))


def _state(table: PolicyTable, folder: Path) -> StateSettings:
    values = _paths(table.state.model_dump(), folder)
    values["keep_s"] = values.pop("keep")
    return StateSettings(**values)


def _paths(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {
        key: folder / value if isinstance(value, Path) else value for key, value in values.items()
    }


def _anchored(channel: ChannelTable, folder: Path) -> ChannelTable:
    return channel.model_copy(update=_paths(dict(channel), folder))


def _heartbeat(value: float | time | None, zone: tzinfo) -> Heartbeat:
    if isinstance(value, time):
        return Heartbeat(at=value, zone=zone)
    return Heartbeat(every_s=value)


def _group(
    name: str, group: GroupBase, raw: Mapping[str, Any], table: PolicyTable, folder: Path
) -> Group:
    every_s = group.every if group.every is not None else table.every
    return Group(
        name,
        tuple(_target(text, folder) for text in group.targets),
        tuple(_target(text, folder) for text in group.exclude),
        every_s,
        tuple(_expectations(name, group, raw, table, folder)),
    )


def _target(text: str, folder: Path) -> str:
    return f"@{folder / text[1:]}" if text.startswith("@") else text


def _expectations(
    name: str, group: GroupBase, raw: Mapping[str, Any], table: PolicyTable, folder: Path
) -> Iterator[Expectation]:
    for key in KEYS:
        check = getattr(group, field_of(key))
        if check is None:
            continue
        if isinstance(check, HardenCheck):
            check = replace(check, plan=str(folder / check.plan))
        yield Expectation(
            name,
            key,
            str(raw[key]),
            check,
            group.tell if group.tell is not None else table.tell,
            group.confirm_after if group.confirm_after is not None else table.confirm_after,
            group.unknown_after if group.unknown_after is not None else table.unknown_after,
        )


def _window(table: MaintenanceTable, zone: tzinfo) -> Window:
    if table.time_zone:
        zone = zone_named(table.time_zone)
    return Window(_when(table, zone), frozenset(table.groups), table.note, _words(table))


def _when(table: MaintenanceTable, zone: tzinfo) -> Once | Weekly:
    if isinstance(table.start, datetime) and isinstance(table.end, datetime):
        return Once(*(_unix(moment, zone) for moment in (table.start, table.end)))
    start, end = table.start, table.end
    if isinstance(start, datetime) or isinstance(end, datetime) or table.days is None:
        raise TypeError("a window that was not checked")
    return Weekly(table.days, start, end, zone)


def _unix(moment: datetime, zone: tzinfo) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _words(table: MaintenanceTable) -> str:
    zone = f" {table.time_zone}" if table.time_zone else ""
    if table.days is not None:
        return f"{day_words(table.days)} from {table.start:%H:%M} to {table.end:%H:%M}{zone}"
    return f"from {table.start:%Y-%m-%d %H:%M} to {table.end:%Y-%m-%d %H:%M}{zone}"
