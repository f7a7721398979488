"""From the options of `nethood serve` to everything the server needs, checked before it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from nethood.cli import listen, mounts, people
from nethood.cli.faces import Welcome
from nethood.cli.neighbours import Neighbours
from nethood.config import ServerSettings, Settings, ShareSettings, build, load
from nethood.config.model import share_name
from nethood.server import Event, Server


@dataclass(slots=True)
class Plan:
    """What will be served, to whom, and where."""

    settings: Settings
    people: people.People
    places: listen.Places

    def server(self, on_event: Callable[[Event], None]) -> Server:
        """Make the server, not yet started."""
        return Server(
            build.shares(self.settings),
            self.people.source,
            self.places.texts(),
            options=build.options(self.settings),
            on_event=on_event,
        )

    def _wants_netbios(self) -> bool:
        return self.settings.wins.enabled or self.settings.browser.master != "no"

    def neighbours(self, server: Server, on_event: Callable[[Event], None]) -> Neighbours:
        """Make what lets others find the shares of *server*, which runs; not yet started."""
        return Neighbours.of(
            self.settings,
            server.addresses,
            on_event,
            count_sessions=lambda: server.session_count,
        )

    def welcome(self, addresses: Sequence[tuple[str, int]]) -> Welcome:
        """Return what to tell the person, now that *addresses* are listened on."""
        host, port = listen.best_host(addresses)
        user = self.people.user
        encrypt = self.settings.server.encrypt
        targets = [
            mounts.Target(host, port, name, _who(share, user), encrypt or share.encrypt)
            for name, share in self.settings.shares.items()
        ]
        notes = [*build.exposures(self.settings), *self.places.notes]
        if not self.settings.netbios.enabled and self._wants_netbios():
            notes.append("[wins] and [browser] do nothing: NetBIOS is off; start with --netbios.")
        if self.people.note:
            notes.append(self.people.note)
        return Welcome(targets, user, self.people.password, notes)


def _who(share: ShareSettings, user: str) -> str:
    if share.users is None or user.casefold() in (u.casefold() for u in share.users):
        return user
    return share.users[0] if share.users else user


def make_plan(
    *,
    path: Path | None,
    share: str | None,
    user: str | None,
    password_file: str | None,
    listen: Sequence[str],
    read_only: bool,
    encrypt: bool,
    config_file: Path | None,
    no_discovery: bool = False,
    netbios: bool = False,
    **_: Any,
) -> Plan:
    """Turn the options of `nethood serve` into a Plan.

    Raises click.UsageError or ConfigError, with nothing started.
    """
    if path is None and share is not None:
        raise click.UsageError("--share names the share of PATH, and there is no PATH")
    if path is None and config_file is None:
        raise click.UsageError("name a folder to share, or a nethood.toml with --config FILE")
    settings = load(config_file) if config_file else Settings()
    settings = _with_options(settings, listen, read_only=read_only, encrypt=encrypt)
    settings = _with_neighbours(settings, no_discovery=no_discovery, netbios=netbios)
    if path is not None:
        settings = _with_share(settings, path, share, read_only=read_only)
    return Plan(
        settings,
        people.choose(settings, user, password_file, configured=config_file is not None),
        _places(settings),
    )


def _with_neighbours(settings: Settings, *, no_discovery: bool, netbios: bool) -> Settings:
    changes: dict[str, Any] = {}
    if no_discovery:
        changes["server"] = settings.server.model_copy(update={"discovery": False})
    if netbios:
        changes["netbios"] = settings.netbios.model_copy(update={"enabled": True})
    return settings.model_copy(update=changes)


def _places(settings: Settings) -> listen.Places:
    return listen.choose(settings.server.listen)


def _with_options(
    settings: Settings, wanted: Sequence[str], *, read_only: bool, encrypt: bool
) -> Settings:
    changes: dict[str, Any] = {"listen": tuple(wanted)} if wanted else {}
    if encrypt:
        changes["encrypt"] = True
    try:
        server = ServerSettings.model_validate(settings.server.model_dump() | changes)
    except ValidationError as error:
        fault = error.errors()[0]
        problem = str(fault.get("ctx", {}).get("error", fault["msg"]))
        if "listen" in fault["loc"]:
            problem = f"--listen {problem}, not {fault['input']!r}"
        raise click.UsageError(problem) from None
    shares = settings.shares
    if read_only:
        shares = {n: s.model_copy(update={"read_only": True}) for n, s in shares.items()}
    return settings.model_copy(update={"server": server, "shares": shares})


def _with_share(settings: Settings, path: Path, name: str | None, *, read_only: bool) -> Settings:
    if not path.is_dir():
        problem = "is no folder; name the folder it is in" if path.exists() else "does not exist"
        raise click.UsageError(f"{path} {problem}")
    name = name or path.resolve().name or "root"
    try:
        share_name(name)
    except ValueError as error:
        raise click.UsageError(f"{name!r}: {error}; name the share with --share NAME") from None
    if name.lower() in (known.lower() for known in settings.shares):
        raise click.UsageError(f"the configuration has a share {name!r}; use --share NAME")
    share = ShareSettings(path=path.resolve(), read_only=read_only)
    return settings.model_copy(update={"shares": {**settings.shares, name: share}})
