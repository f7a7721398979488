"""What nethood.toml becomes: the server's options and shares, and what its settings expose."""

from __future__ import annotations

from nethood.config.model import DIALECTS, Settings, ShareSettings
from nethood.server.options import Limits, Options, Share
from nethood.store.local import LocalStore


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
