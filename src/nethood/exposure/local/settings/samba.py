"""Samba's settings, defaults included, as `testparm` works them out of smb.conf."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nethood.exposure.local.commands import Run
from nethood.exposure.local.settings.model import Setting

SOURCE = "Samba"
NAMES = (
    "workgroup",
    "server min protocol",
    "server max protocol",
    "server signing",
    "server smb encrypt",
    "map to guest",
    "restrict anonymous",
    "ntlm auth",
    "lanman auth",
    "null passwords",
    "disable netbios",
    "smb ports",
    "interfaces",
    "bind interfaces only",
    "hosts allow",
)
_OLD = ("CORE", "COREPLUS", "LANMAN1", "LANMAN2", "NT1")


def read_samba(run: Run, config: str = "") -> list[Setting]:
    """Return the settings of *config*, or of Samba's usual smb.conf; none without Samba.

    A value that smb.conf makes depend on the client (`include = %m`) is shown as it is for none.
    """
    ran = run(["testparm", "-sv", *([config] if config else [])])
    if ran is None:
        if run(["smbd", "--version"]) is None:
            return []
        return [Setting(SOURCE, "smb.conf", unknown="testparm is not installed")]
    values = global_values(ran.out)
    if ran.status != 0 or not values:
        return [Setting(SOURCE, "smb.conf", unknown=f"testparm failed: {ran.complaint}")]
    rows = [_setting(name, values) for name in NAMES]
    return [*rows, _guest_shares(ran.out)]


def global_values(text: str) -> dict[str, str]:
    """Return the settings of the section [global] in what testparm prints."""
    return dict(sections(text).get("global", {}))


def sections(text: str) -> Mapping[str, Mapping[str, str]]:
    """Return section -> name -> value of what testparm prints."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            current = found.setdefault(line[1:-1], {})
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            current[name.strip()] = value.strip()
    return found


def _setting(name: str, values: Mapping[str, str]) -> Setting:
    if name not in values:
        return Setting(SOURCE, name, unknown="this version of Samba does not tell")
    value = values[name]
    advise = _ADVICE.get(name)
    return Setting(SOURCE, name, value, advice=advise(value) if advise else "")


def _guest_shares(text: str) -> Setting:
    """Say which shares let guests in."""
    names = [
        name
        for name, values in sections(text).items()
        if name != "global" and values.get("guest ok", "No").lower() == "yes"
    ]
    advice = "set 'guest ok = no' there if they need no guests" if names else ""
    return Setting(SOURCE, "shares open to guests", ", ".join(names) or "none", "", advice)


def _min_protocol(value: str) -> str:
    return "SMB1 is allowed: set 'server min protocol = SMB2_02'" if value in _OLD else ""


def _signing(value: str) -> str:
    if value.lower() in ("mandatory", "required", "force"):
        return ""
    return "signing is not required: set 'server signing = mandatory'"


def _map_to_guest(value: str) -> str:
    if value.lower() == "never":
        return ""
    return "a failed logon becomes a guest's: set 'map to guest = Never'"


def _is_no(advice: str) -> Callable[[str], str]:
    return lambda value: "" if value.lower() in ("no", "0", "false") else advice


def _ntlm(value: str) -> str:
    weak = value.lower() in ("yes", "ntlmv1-permitted")
    return "NTLMv1 is allowed: set 'ntlm auth = ntlmv2-only'" if weak else ""


_ADVICE: Mapping[str, Callable[[str], str]] = {
    "server min protocol": _min_protocol,
    "server signing": _signing,
    "map to guest": _map_to_guest,
    "ntlm auth": _ntlm,
    "lanman auth": _is_no("LANMAN hashes are accepted: set 'lanman auth = no'"),
    "null passwords": _is_no("empty passwords are accepted: set 'null passwords = no'"),
}
