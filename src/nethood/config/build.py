"""What nethood.toml becomes: the server's options and shares, and what its settings expose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nethood.config.model import DIALECTS, Settings, ShareSettings, WinsSettings
from nethood.server.options import Limits, Options, Share
from nethood.store.local import LocalStore

if TYPE_CHECKING:
    from nethood.nbt.node_model import Interface
    from nethood.nbt.wins_records import Record
    from nethood.neighborhood.wins import WinsConfig
    from nethood.neighborhood.wins_replication import ReplicationConfig


def options(settings: Settings) -> Options:
    """Return the server options that *settings* ask for."""
    server = settings.server
    return Options(
        server_name=server.name or "",
        workgroup=server.workgroup,
        comment=server.comment,
        signing_required=server.signing == "required",
        encrypt=server.encrypt,
        min_dialect=DIALECTS[server.min_dialect],
        max_dialect=DIALECTS[server.max_dialect],
        allow_public=server.allow_public,
        allow=server.allow,
        session_lifetime_s=server.session_lifetime_s,
        limits=Limits(**settings.limits.model_dump()),
    )


def shares(settings: Settings) -> dict[str, Share]:
    """Open the folder of every share. Raises OSError where one can't be opened."""
    return {name: _share(name, share) for name, share in settings.shares.items()}


def _share(name: str, share: ShareSettings) -> Share:
    return Share(
        name,
        LocalStore(share.path),
        comment=share.comment,
        users=None if share.users is None else frozenset(share.users),
        read_only=share.read_only,
        encrypt=share.encrypt,
        hidden=share.hidden,
    )


def wins(settings: WinsSettings, interfaces: Sequence[Interface], store: Path) -> WinsConfig:
    """Return the name server that `[wins]` asks for, on a host with *interfaces*.

    *store* is where the records lie if `[wins]` names no file.
    """
    from nethood.nbt.wins import WinsOptions
    from nethood.nbt.wins_records import Intervals
    from nethood.neighborhood.name_text import parse_name
    from nethood.neighborhood.wins import WinsConfig

    intervals = Intervals(
        settings.renewal_s,
        settings.extinction_s,
        settings.extinction_timeout_s,
        settings.verify_s,
    )
    special_groups = frozenset(map(parse_name, settings.special_groups))
    return WinsConfig(
        settings.store or store,
        networks=settings.networks,
        static=_static_records(settings),
        rate_per_s=settings.rate_per_s,
        burst=settings.burst,
        options=WinsOptions(intervals, special_groups, settings.max_records),
        replication=_replication(settings, interfaces) if settings.partners else None,
    )


def _static_records(settings: WinsSettings) -> tuple[Record, ...]:
    from nethood.nbt.wins_records import RecordKind, static_record
    from nethood.neighborhood.name_text import parse_name

    return tuple(
        static_record(
            parse_name(entry.name),
            RecordKind[entry.kind.upper().replace("-", "_")],
            entry.addresses,
        )
        for entry in settings.static
    )


def _replication(settings: WinsSettings, interfaces: Sequence[Interface]) -> ReplicationConfig:
    from nethood.neighborhood.wins_replication import ReplicationConfig

    partners = tuple(partner.address for partner in settings.partners)
    near = [own.address for own in interfaces if any(each in own.network for each in partners)]
    return ReplicationConfig(
        settings.own_address or (near or [interfaces[0].address])[0],
        partners,
        push_delay_s=settings.push_delay_s,
        pull_from={each.address: each.interval_s for each in settings.partners if each.pull},
        push_to=tuple(each.address for each in settings.partners if each.push),
    )


def exposures(settings: Settings) -> list[str]:
    """Return one sentence for every setting that is weaker than the default, saying what for."""
    server = settings.server
    found: list[str] = []
    if server.signing == "enabled":
        found.append(
            'signing = "enabled": whoever sits between a client and this server can change what'
            " they read and write unless the client itself insists on signing."
        )
    if DIALECTS[server.max_dialect] < DIALECTS["3.1.1"]:
        found.append(
            f'max_dialect = "{server.max_dialect}": without 3.1.1 whoever sits in between can talk'
            " both sides down to weaker protection."
        )
    if server.allow_public:
        found.append(
            "allow_public = true: the whole internet can reach the log-in of this server, if a"
            " firewall does not stop it."
        )
    found.extend(
        f'allow = "{network}": every machine in that network can reach the log-in of this server.'
        for network in server.allow
    )
    return found
