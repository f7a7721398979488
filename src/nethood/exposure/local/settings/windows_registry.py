"""What the Windows registry says about SMB, NetBIOS over TCP/IP and LLMNR.

Values and their defaults: [MS-SMB2] appendix and Microsoft's documentation of each key. A value
that is not set is shown as "not set", with what Windows then does where that is the same on all
of its versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from nethood.exposure.local.settings.model import Setting

SOURCE = "Windows"
_SERVER = r"SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters"
_CLIENT = r"SYSTEM\CurrentControlSet\Services\LanmanWorkstation\Parameters"
_INTERFACES = r"SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces"
_DNS_POLICY = r"SOFTWARE\Policies\Microsoft\Windows NT\DNSClient"
_NETBIOS_OPTIONS = {0: "as DHCP says", 1: "on", 2: "off"}


class Registry(Protocol):
    """Reads below HKEY_LOCAL_MACHINE."""

    def value(self, path: str, name: str) -> int | str | None:
        """Return a value, None where it is not set. Raises PermissionError."""

    def subkeys(self, path: str) -> list[str]:
        """Return the names of the keys below *path*, none where it is not there."""


@dataclass(frozen=True, slots=True)
class _Key:
    label: str
    path: str
    name: str
    meanings: dict[int, str]
    weak: frozenset[int | None]
    advice: str
    unset: str = "not set"


_KEYS = (
    _Key(
        "SMB1 server",
        _SERVER,
        "SMB1",
        {0: "off", 1: "on"},
        frozenset({1}),
        "Set-SmbServerConfiguration -EnableSMB1Protocol $false",
        "not set: on where the SMB1 component is installed",
    ),
    _Key(
        "SMB1 client driver",
        r"SYSTEM\CurrentControlSet\Services\mrxsmb10",
        "Start",
        {2: "starts with Windows", 3: "starts when needed", 4: "off"},
        frozenset({2, 3}),
        "Disable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol",
        "not installed",
    ),
    _Key(
        "server requires signing",
        _SERVER,
        "RequireSecuritySignature",
        {0: "no", 1: "yes"},
        frozenset({0}),
        "Set-SmbServerConfiguration -RequireSecuritySignature $true",
        "not set: what Windows does then depends on its version",
    ),
    _Key(
        "server offers signing (SMB1)",
        _SERVER,
        "EnableSecuritySignature",
        {0: "no", 1: "yes"},
        frozenset(),
        "",
    ),
    _Key(
        "client requires signing",
        _CLIENT,
        "RequireSecuritySignature",
        {0: "no", 1: "yes"},
        frozenset({0}),
        "Set-SmbClientConfiguration -RequireSecuritySignature $true",
        "not set: what Windows does then depends on its version",
    ),
    _Key(
        "client accepts guest logons",
        _CLIENT,
        "AllowInsecureGuestAuth",
        {0: "no", 1: "yes"},
        frozenset({1}),
        "Set-SmbClientConfiguration -EnableInsecureGuestLogons $false",
        "not set: what Windows does then depends on its version",
    ),
    _Key(
        "null sessions restricted",
        _SERVER,
        "RestrictNullSessAccess",
        {0: "no", 1: "yes"},
        frozenset({0}),
        f"set HKLM\\{_SERVER}\\RestrictNullSessAccess to 1",
        "not set: yes",
    ),
    _Key(
        "LLMNR",
        _DNS_POLICY,
        "EnableMulticast",
        {0: "off", 1: "on"},
        frozenset({1, None}),
        "switch LLMNR off by policy: Turn off multicast name resolution",
        "not set: on",
    ),
)


def read_windows(registry: Registry) -> list[Setting]:
    """Return what the registry says, interface by interface for NetBIOS."""
    return [*(_setting(registry, key) for key in _KEYS), *_netbios(registry)]


def _setting(registry: Registry, key: _Key) -> Setting:
    try:
        value = registry.value(key.path, key.name)
    except PermissionError:
        return Setting(SOURCE, key.label, unknown="needs an administrator")
    advice = key.advice if value in key.weak else ""
    return Setting(SOURCE, key.label, _shown(value, key.meanings, key.unset), advice=advice)


def _shown(value: int | str | None, meanings: dict[int, str], unset: str) -> str:
    if value is None:
        return unset
    return meanings.get(value, str(value)) if isinstance(value, int) else value


def _netbios(registry: Registry) -> Iterator[Setting]:
    for name in registry.subkeys(_INTERFACES):
        label = f"NetBIOS on {name.removeprefix('Tcpip_')}"
        try:
            value = registry.value(f"{_INTERFACES}\\{name}", "NetbiosOptions")
        except PermissionError:
            yield Setting(SOURCE, label, unknown="needs an administrator")
            continue
        advice = "" if value == 2 else "switch NetBIOS over TCP/IP off if nothing old needs it"
        yield Setting(SOURCE, label, _shown(value, _NETBIOS_OPTIONS, "not set"), advice=advice)


def open_registry() -> Registry | None:
    """Return the registry of this machine, None where that is not Windows."""
    try:
        return _LocalMachine(import_module("winreg"))
    except ImportError:
        return None


class _LocalMachine:
    """HKEY_LOCAL_MACHINE through winreg, a module that other systems do not have."""

    def __init__(self, winreg: Any) -> None:
        self._winreg = winreg

    def value(self, path: str, name: str) -> int | str | None:
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_LOCAL_MACHINE, path) as key:
                found = self._winreg.QueryValueEx(key, name)[0]
        except FileNotFoundError:
            return None
        return found if isinstance(found, int) else str(found)

    def subkeys(self, path: str) -> list[str]:
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_LOCAL_MACHINE, path) as key:
                count = self._winreg.QueryInfoKey(key)[0]
                return [self._winreg.EnumKey(key, index) for index in range(count)]
        except FileNotFoundError:
            return []
