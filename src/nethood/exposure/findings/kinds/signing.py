"""Signing of SMB2 and SMB3: off, not required, not required of a domain controller."""

from __future__ import annotations

from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    HIGH,
    MEDIUM,
    NETHOOD,
    OPTIONS,
    SAMBA,
    SECURITY,
    SERVER_PARAMETERS,
    SIGNING,
    SMB_CONF,
    WINDOWS,
    Kind,
    learn,
    menu,
    policy,
    policy_page,
    powershell,
    registry,
    smb_conf,
    toml,
    words,
)
from nethood.exposure.findings.kinds.roles import is_domain_controller
from nethood.exposure.findings.model import Entry, Platform, Step
from nethood.exposure.model import HostReport, Signing

INTERCEPTION = learn(
    "defend against SMB interception",
    "windows-server/storage/file-server/smb-interception-defense",
)
ALWAYS = policy_page(
    "Microsoft network server: Digitally sign communications (always)",
    "microsoft-network-server-digitally-sign-communications-always",
)

REQUIRE: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (
        powershell("Set-SmbServerConfiguration -RequireSecuritySignature $true -Force"),
        policy(
            f"{OPTIONS} > Microsoft network server: Digitally sign communications (always): Enabled"
        ),
        registry(f'{SERVER_PARAMETERS}\n"RequireSecuritySignature"=dword:00000001'),
    ),
    SAMBA: (smb_conf("server signing = mandatory"),),
    APPLIANCE: (
        menu("File services > SMB > advanced: set server signing to required (mandatory, force)."),
        words("Where there is no such setting, ask the maker, or keep it in a network of its own."),
    ),
    NETHOOD: (toml('[server]\nsigning = "required"'),),
}


_WORDS = {
    Signing.REQUIRED: "required",
    Signing.ENABLED: "enabled, not required",
    Signing.OFF: "off",
}


def by_dialect(report: HostReport, state: Signing) -> list[str]:
    """Return what says that signing is *state*, with the dialects; nothing where none says so.

    Where the dialects were not asked one by one, the first answer of the server counts.
    """
    dialects = [facts for facts in report.dialects.value or () if facts.supported]
    names = ", ".join(facts.name for facts in dialects if facts.signing is state)
    if names:
        return [f"SMB {names}: signing is {_WORDS[state]}."]
    server = report.server.value
    if dialects or server is None or server.signing is not state:
        return []
    return [f"Signing is {_WORDS[state]} (asked with every dialect at once)."]


def _enabled(report: HostReport) -> list[str] | None:
    if is_domain_controller(report):
        return None
    return by_dialect(report, Signing.ENABLED) or None


def _domain_controller(report: HostReport) -> list[str] | None:
    lines = by_dialect(report, Signing.ENABLED)
    return (
        [*lines, *is_domain_controller(report)] if lines and is_domain_controller(report) else None
    )


def _off(report: HostReport) -> list[str] | None:
    return by_dialect(report, Signing.OFF) or None


BREAKS = (
    "Clients that can't sign: very old ones, and guest access, which has no key to sign with. "
    "Current systems sign without being told; AES-GMAC costs them hardly anything."
)

KINDS = (
    Kind(
        Entry(
            id="signing-not-required-dc",
            title="A domain controller does not require signing",
            severity=HIGH,
            severity_reason=(
                "a logon relayed to a domain controller can end in control of the whole domain"
            ),
            meaning=(
                "Domain controllers require signing unless someone changed that. Without it, "
                "someone in between can hand a user's or a machine's logon on to this host and "
                "act as them, or change the policies clients fetch from it."
            ),
            fixes={WINDOWS: REQUIRE[WINDOWS], SAMBA: REQUIRE[SAMBA]},
            breaks=BREAKS,
            references=(ALWAYS, SIGNING, INTERCEPTION),
            needs=("dialects", "server", "netbios"),
        ),
        _domain_controller,
    ),
    Kind(
        Entry(
            id="signing-off",
            title="Signing is off",
            severity=HIGH,
            severity_reason=(
                "nobody's traffic with this host is signed, not even that of a client that asks"
            ),
            meaning=(
                "The server says it can't sign, which SMB2 does not provide for. Whoever is "
                "between it and a client can change what is not encrypted. Clients that require "
                "signing, as Windows 11 Pro and Enterprise from version 24H2 do, fail with it."
            ),
            fixes=REQUIRE,
            breaks=BREAKS,
            references=(SIGNING, SECURITY, SMB_CONF),
            needs=("dialects", "server"),
        ),
        _off,
    ),
    Kind(
        Entry(
            id="signing-not-required",
            title="Signing is not required",
            severity=MEDIUM,
            severity_reason=(
                "logons can be relayed to this host and traffic changed, by someone who is "
                "already in the network between it and a client"
            ),
            meaning=(
                "The server signs for clients that ask for it and serves the others unsigned. A "
                "relay simply does not ask: it takes a logon meant for somebody else and opens "
                "a session here with it."
            ),
            fixes=REQUIRE,
            breaks=BREAKS,
            references=(SIGNING, ALWAYS, INTERCEPTION, SMB_CONF),
            needs=("dialects", "server"),
        ),
        _enabled,
    ),
)
