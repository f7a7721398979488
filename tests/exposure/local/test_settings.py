"""Settings from recorded output, each with what to do about it, or why it is unknown."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nethood.exposure.local.commands import Ran, Run
from nethood.exposure.local.settings.samba import read_samba
from nethood.exposure.local.settings.units import read_units
from nethood.exposure.local.settings.windows_registry import open_registry, read_windows

TESTPARM = """# Global parameters
[global]
	server min protocol = {protocol}
	server signing = {signing}
	map to guest = {guest}
	ntlm auth = ntlmv2-only
	lanman auth = No
	hosts allow =
	disable netbios = Yes

[files]
	path = /srv/files
	guest ok = Yes
"""


def programs(**said: Ran) -> Run:
    def run(words: Sequence[str]) -> Ran | None:
        return said.get(words[0])

    return run


def samba(protocol: str, signing: str, guest: str) -> dict[str, tuple[str, str]]:
    text = TESTPARM.format(protocol=protocol, signing=signing, guest=guest)
    rows = read_samba(programs(testparm=Ran(0, text)))
    return {row.name: (row.value or row.unknown, row.advice) for row in rows}


def test_samba_as_it_should_be() -> None:
    rows = samba("SMB3_11", "required", "Never")
    assert rows["server min protocol"] == ("SMB3_11", "")
    assert rows["server signing"] == ("required", "")
    assert rows["map to guest"] == ("Never", "")
    assert rows["disable netbios"] == ("Yes", "")
    assert rows["workgroup"] == ("this version of Samba does not tell", "")
    assert rows["shares open to guests"][0] == "files"


def test_samba_as_it_should_not_be() -> None:
    rows = samba("NT1", "default", "Bad User")
    assert "SMB1 is allowed" in rows["server min protocol"][1]
    assert "signing is not required" in rows["server signing"][1]
    assert "becomes a guest" in rows["map to guest"][1]


def test_samba_that_cannot_tell() -> None:
    assert read_samba(programs()) == []
    [row] = read_samba(programs(smbd=Ran(0, "Version 4.17")))
    assert row.unknown == "testparm is not installed"
    [row] = read_samba(programs(testparm=Ran(1, "", "Can't load /etc/samba/smb.conf\n")))
    assert row.unknown == "testparm failed: Can't load /etc/samba/smb.conf"


UNITS = """Id=smbd.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=nmbd.service
LoadState=masked
ActiveState=inactive
UnitFileState=masked

Id=wsdd.service
LoadState=not-found
ActiveState=inactive
UnitFileState=

Id=systemd-resolved.service
LoadState=loaded
ActiveState={state}
UnitFileState=enabled
"""


def units(state: str, **said: Ran) -> dict[str, tuple[str, str]]:
    run = programs(systemctl=Ran(0, UNITS.format(state=state)), **said)
    rows = read_units(run, systemd_runs=True)
    return {row.name: (row.value or row.unknown, row.advice) for row in rows}


def test_units_that_are_there_are_shown() -> None:
    assert units("inactive") == {
        "smbd": ("active (enabled at boot)", ""),
        "nmbd": ("inactive (masked)", ""),
        "systemd-resolved": ("inactive (enabled at boot)", ""),
    }


@pytest.mark.parametrize(("answer", "advised"), [("yes", True), ("no", False)])
def test_the_resolver_is_asked_where_it_runs(answer: str, advised: bool) -> None:
    rows = units("active", resolvectl=Ran(0, f"Global: {answer}\nLink 2 (eth0): {answer}\n"))
    value, advice = rows["systemd-resolved LLMNR"]
    assert value == f"Global: {answer}; Link 2 (eth0): {answer}"
    assert bool(advice) is advised
    assert rows["systemd-resolved MulticastDNS"][1] == ""
    assert units("active")["systemd-resolved LLMNR"][0] == "resolvectl is not installed"


def test_units_that_cannot_be_known() -> None:
    [row] = read_units(programs(), systemd_runs=False)
    assert row.unknown == "systemd does not run here"
    [row] = read_units(programs(systemctl=Ran(1, "", "no bus\n")), systemd_runs=True)
    assert row.unknown == "systemctl: no bus"


class Registry:
    """Values by path and name; "locked" may not be read."""

    def __init__(self, **values: int | str) -> None:
        self.values = values

    def value(self, path: str, name: str) -> int | str | None:
        above = path.split("\\")[-2]
        found = self.values.get(f"{above}_{name}")
        if found == "locked":
            raise PermissionError
        return found

    def subkeys(self, path: str) -> list[str]:
        return ["Tcpip_{AA}"] if path.endswith(r"NetBT\Parameters\Interfaces") else []


def windows(**values: int | str) -> dict[str, tuple[str, str]]:
    rows = read_windows(Registry(**values))
    return {row.name: (row.value or f"unknown: {row.unknown}", row.advice) for row in rows}


def test_windows_where_nothing_is_set() -> None:
    rows = windows()
    assert rows["SMB1 client driver"] == ("not installed", "")
    assert rows["SMB1 server"] == ("not set: on where the SMB1 component is installed", "")
    assert rows["LLMNR"][0] == "not set: on"
    assert "Turn off multicast name resolution" in rows["LLMNR"][1]
    assert rows["NetBIOS on {AA}"][0] == "not set"


def test_windows_where_it_is_weak_and_where_it_may_not_be_read() -> None:
    rows = windows(
        LanmanServer_SMB1=1,
        LanmanServer_RequireSecuritySignature=0,
        LanmanWorkstation_RequireSecuritySignature=1,
        LanmanWorkstation_AllowInsecureGuestAuth="locked",
        Interfaces_NetbiosOptions=2,
    )
    assert rows["SMB1 server"] == (
        "on",
        "Set-SmbServerConfiguration -EnableSMB1Protocol $false",
    )
    assert rows["server requires signing"][0] == "no"
    assert rows["client requires signing"] == ("yes", "")
    assert rows["client accepts guest logons"][0] == "unknown: needs an administrator"
    assert rows["NetBIOS on {AA}"] == ("off", "")


def test_there_is_no_registry_on_other_systems() -> None:
    assert open_registry() is None
