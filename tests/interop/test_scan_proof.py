"""Our commands against real servers: what is found of each is what was written down before.

The servers and the expectations stand in scan_lab.py. nmap's scripts and nbtscan look at the same
servers, and what they say is compared field by field.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop import scan_lab
from tests.interop.nmap_scripts import (
    Scripts,
    ask_nbtscan,
    ask_nmap,
    capabilities_of,
    dialects_of,
    fields_of,
    read_nbstat,
    unix_of,
)
from tests.interop.scan_lab import IMPACKET, NETHOOD, NMBD, SMBD, TABLE, Lab

pytestmark = pytest.mark.timeout(180)

SMB1_TARGETS = [SMBD["SMB1 on"].address]
NMAP_TARGETS = [
    *SMB1_TARGETS,
    SMBD["old dialects only"].address,
    NETHOOD["as it comes"].address,
    NMBD.address,
]
"""A few that differ in all that the scripts look at: they take seconds at each host."""
PATIENT = ("--timeout", "20")
"""smbd starts a server for its pipes when the first is opened; that takes its time where others
work."""
LEFT_OUT = {"MULTI_CHANNEL", "ENCRYPTION", "DIRECTORY_LEASING", "PERSISTENT_HANDLES"}


@dataclass
class Scanned:
    """What one scan of every server said and wrote."""

    said: str
    hosts: dict[str, dict[str, Any]]
    summary: dict[str, Any]
    rows: list[dict[str, str]]
    sarif: dict[str, Any]
    html: str

    def report(self, address: str) -> dict[str, Any]:
        report: dict[str, Any] = self.hosts[address]["report"]
        return report

    def value(self, address: str, name: str) -> Any:
        """Return what is known, None where nothing is."""
        return self.report(address)[name]["value"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def lab(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    with scan_lab.running(make_namespace, tmp_path_factory.mktemp("lab")) as up:
        yield up


@pytest.fixture(scope="module")
def scanned(lab: Lab, home: Path) -> Scanned:
    """One scan with every kind of report; whoever fails the nightly job is among them."""
    files = {kind: home / kind for kind in ("json", "csv", "sarif", "html")}
    words = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    addresses = [expected.address for expected in TABLE.values()]
    ran = lab.nethood(home, "scan", *addresses, *PATIENT, "--guest", "--fail-on", "high", *words)
    assert ran.status == 1, ran.output
    *hosts, summary = map(json.loads, files["json"].read_text().splitlines())
    with files["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Scanned(
        ran.output,
        {host["address"]: host for host in hosts},
        summary,
        rows,
        json.loads(files["sarif"].read_text()),
        files["html"].read_text(),
    )


@pytest.mark.parametrize("name", TABLE)
def test_what_is_found(scanned: Scanned, name: str) -> None:
    expected = TABLE[name]
    host = scanned.hosts[expected.address]
    assert {finding["id"] for finding in host["findings"]} == expected.findings
    assert (host["grade"], host["at_best"]) == (expected.grade, expected.at_best)


def test_every_report_says_the_same(scanned: Scanned) -> None:
    wanted = {(e.address, finding) for e in TABLE.values() for finding in e.findings}
    in_csv = {(row["address"], row["finding"]) for row in scanned.rows}
    results = scanned.sarif["runs"][0]["results"]
    in_sarif = {
        (
            result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].rpartition(":")[0],
            result["ruleId"],
        )
        for result in results
    }
    assert in_csv == in_sarif == wanted
    assert scanned.summary["hosts"] == len(TABLE)
    for expected in TABLE.values():
        assert expected.address in scanned.html
        assert expected.address in scanned.said
    for finding in {finding for expected in TABLE.values() for finding in expected.findings}:
        assert finding in scanned.html


def test_a_check_says_what_the_scan_said(lab: Lab, home: Path, scanned: Scanned) -> None:
    expected = SMBD["SMB1 on"]
    ran = lab.nethood(home, "check", expected.address, *PATIENT)
    assert ran.status == 0, ran.output
    found = set(re.findall(r"^(?:critical|high|medium|low|info) .*\((\S+)\)$", ran.output, re.M))
    assert found == expected.findings
    assert "grade D" in ran.output.splitlines()[0]
    assert "server min protocol = SMB2" in ran.output
    assert scanned.value(expected.address, "software")["version"] in ran.output


def test_oddities_are_told(scanned: Scanned) -> None:
    """impacket answers every dialect with 2.0.2: it speaks none of the others."""
    _, *others = scanned.value(IMPACKET.address, "dialects")
    assert all(facts["supported"] is False for facts in others)
    assert {facts["problem"] for facts in others} == {
        "NEGOTIATE was answered with dialect 2.0.2, not offered"
    }


# Beside nmap and nbtscan


@pytest.fixture(scope="module")
def nmap(lab: Lab, home: Path) -> dict[str, Scripts]:
    """What its scripts say; ours were asked before, since they take their time at each host."""
    return ask_nmap(lab, home, NMAP_TARGETS)


def told_by(nmap: dict[str, Scripts], script: str, at_least: int = 1) -> dict[str, str]:
    """Return what a script said by address; it must have said something of so many hosts."""
    found = {address: said[script] for address, said in nmap.items() if script in said}
    assert len(found) >= at_least, f"{script} has said little: {found}"
    return found


def spoken(scanned: Scanned, address: str) -> dict[str, dict[str, Any]]:
    return {
        facts["name"]: facts for facts in scanned.value(address, "dialects") if facts["supported"]
    }


def test_smb_protocols(scanned: Scanned, nmap: dict[str, Scripts]) -> None:
    for address, said in told_by(nmap, "smb-protocols", len(NMAP_TARGETS)).items():
        ours = set(spoken(scanned, address))
        if scanned.value(address, "smb1")["enabled"]:
            ours.add("NT LM 0.12")
        assert dialects_of(said) == ours, address


def test_smb2_security_mode(scanned: Scanned, nmap: dict[str, Scripts]) -> None:
    """The script asks with one dialect, the newest; we ask with each."""
    words = {"enabled": "enabled but not required", "required": "enabled and required"}
    for address, said in told_by(nmap, "smb2-security-mode", len(NMAP_TARGETS)).items():
        [stated] = re.findall(r"Message signing (.+)", said)
        ours = {facts["signing"] for facts in spoken(scanned, address).values()}
        assert {words[signing] for signing in ours} == {stated}, address


def test_smb2_capabilities(scanned: Scanned, nmap: dict[str, Scripts]) -> None:
    """The script offers no capabilities, and servers leave out what it could not use then."""
    for address, said in told_by(nmap, "smb2-capabilities", len(NMAP_TARGETS)).items():
        theirs, ours = capabilities_of(said), spoken(scanned, address)
        assert set(theirs) == set(ours)
        for name, facts in ours.items():
            assert set(facts["capabilities"]) - theirs[name] <= LEFT_OUT, address
            assert theirs[name] <= set(facts["capabilities"]), address


def test_smb2_time(scanned: Scanned, nmap: dict[str, Scripts]) -> None:
    for address, said in told_by(nmap, "smb2-time", len(NMAP_TARGETS)).items():
        fields, server = fields_of(said), scanned.value(address, "server")
        assert abs(unix_of(fields["date"]) - server["system_time_unix"]) < 120
        assert (fields["start_date"] == "N/A") is (server["boot_time_unix"] is None)


def test_smb_os_discovery(scanned: Scanned, nmap: dict[str, Scripts]) -> None:
    """The script is silent where SMB1 is off; we know the names there too."""
    said = told_by(nmap, "smb-os-discovery")
    assert set(said) == set(SMB1_TARGETS)
    for address, text in said.items():
        fields = fields_of(text)
        smb1, ntlm = scanned.value(address, "smb1"), scanned.value(address, "ntlm")
        assert fields["OS"] == f"{smb1['native_os']} ({smb1['native_lan_manager']})"
        assert fields["Computer name"] == ntlm["dns_computer"].partition(".")[0]
        assert fields["NetBIOS computer name"].removesuffix("\\x00") == ntlm["netbios_computer"]
        assert fields["Domain name"] == ntlm["dns_domain"]
        assert abs(unix_of(fields["System time"]) - smb1["system_time_unix"]) < 120
    for address in set(NMAP_TARGETS) - set(said):
        assert scanned.value(address, "ntlm")["netbios_computer"]


def test_smb_security_mode(scanned: Scanned, nmap: dict[str, Scripts]) -> None:
    signing = {"disabled": "off", "supported": "enabled", "required": "required"}
    for address, text in told_by(nmap, "smb-security-mode", len(SMB1_TARGETS)).items():
        fields, smb1 = fields_of(text), scanned.value(address, "smb1")
        assert (fields["authentication_level"] == "user") is smb1["user_level_security"]
        assert (fields["challenge_response"] == "supported") is not smb1["plaintext_passwords"]
        assert signing[fields["message_signing"].split()[0]] == smb1["signing"]


def test_ms17_010(scanned: Scanned, nmap: dict[str, Scripts]) -> None:
    """The script is silent where the host is not vulnerable."""
    for address in SMB1_TARGETS:
        assert "VULNERABLE" not in nmap[address].get("smb-vuln-ms17-010", "")
        assert scanned.value(address, "ms17_010")["missing"] is False


@pytest.mark.usefixtures("nmap")
def test_nbstat_and_nbtscan(
    lab: Lab, home: Path, scanned: Scanned, nmap: dict[str, Scripts]
) -> None:
    ours = scanned.value(NMBD.address, "netbios")
    names = {(n["name"], n["suffix"], n["is_group"]) for n in ours["names"]}
    nbstat = nmap[NMBD.address]["nbstat"]
    for said in (read_nbstat(nbstat), ask_nbtscan(lab, home, NMBD.address)):
        assert said.names == names
        assert said.mac == (ours["mac"] or "00:00:00:00:00:00")
    assert f"NetBIOS name: {ours['computer']}," in nbstat
    assert ("NetBIOS user: <unknown>" in nbstat) is (ours["users"] == [])
