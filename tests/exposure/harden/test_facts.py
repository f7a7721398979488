"""What is seen of a machine: its firewalls and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from nethood.exposure.harden.facts import gather_facts
from nethood.exposure.harden.model import Client, Platform
from nethood.exposure.harden.runner import Machine, Ran
from nethood.exposure.local.commands import Ran as ToolRan

ZONES = """\
home (active)
  interfaces: eth1
  sources:
public (default)
  interfaces:
  sources:
work
  interfaces:
  sources: 192.0.2.0/24
"""


def no_rules(_: Sequence[str]) -> ToolRan | None:
    return None


class ToldMachine(Machine):
    """A machine whose programs say what they are told to."""

    def __init__(self, root: Path, **said: str) -> None:
        super().__init__(root)
        self.said = said

    @property
    def is_root(self) -> bool:
        return True

    def which(self, program: str) -> str | None:
        name = program.replace("-", "_")
        known = any(key.startswith(name) for key in self.said)
        return f"/usr/sbin/{program}" if known else None

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        key = "_".join(argv).replace("-", "_").replace("__", "_").replace("__", "_")
        said = self.said.get(key)
        return Ran(0, said) if said is not None else Ran(1, "")


def put(root: Path, path: str, text: str = "") -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


def test_ufw(tmp_path: Path) -> None:
    put(tmp_path, "etc/default/ufw", "# IPV6=no\nIPV6=yes\n")
    machine = ToldMachine(tmp_path, ufw_status="Status: active\n", ufw_version="ufw 0.36.2\n")
    ufw = gather_facts(machine, run=no_rules).firewalls[Platform.UFW]
    assert "nft" in gather_facts(machine, run=no_rules).rules_unknown
    assert (ufw.installed, ufw.active, ufw.version) == (True, True, "0.36.2")
    assert ufw.details == {"ipv6": "yes"}
    machine.said["ufw_status"] = "Status: inactive\n"
    assert not gather_facts(machine, run=no_rules).firewalls[Platform.UFW].active


def test_firewalld_and_its_zones(tmp_path: Path) -> None:
    machine = ToldMachine(
        tmp_path,
        firewall_cmd_state="running\n",
        firewall_cmd_version="1.3.3\n",
        firewall_cmd_get_default_zone="public\n",
        firewall_cmd_list_all_zones=ZONES,
        firewall_cmd_permanent_list_all_zones="dmz\n  interfaces: eth2\n",
    )
    firewalld = gather_facts(machine, run=no_rules).firewalls[Platform.FIREWALLD]
    assert firewalld.active
    assert firewalld.details == {"zones": "dmz home public work"}


def test_nftables_and_the_file_its_service_loads(tmp_path: Path) -> None:
    machine = ToldMachine(tmp_path, nft_version="nftables v1.0.6 (Lester Gooch)\n")
    put(tmp_path, "etc/nftables.conf", "flush ruleset\n")
    facts = gather_facts(machine, run=no_rules)
    assert not facts.firewalls[Platform.NFTABLES].starts
    assert facts.files == {}
    put(tmp_path, "etc/systemd/system/sysinit.target.wants/nftables.service")
    put(tmp_path, "etc/real.conf", "table inet mine { }\n")
    (tmp_path / "etc/nftables.conf").unlink()
    (tmp_path / "etc/nftables.conf").symlink_to("real.conf")
    facts = gather_facts(machine, run=no_rules)
    assert facts.firewalls[Platform.NFTABLES].version == "1.0.6"
    assert facts.files == {"/etc/real.conf": "table inet mine { }\n"}
    assert facts.programs == {"nft": "/usr/sbin/nft"}


def test_iptables_and_the_files_that_are_loaded(tmp_path: Path) -> None:
    machine = ToldMachine(
        tmp_path, iptables_V="iptables v1.8.9 (legacy)\n", iptables_w_S="-P INPUT ACCEPT\n"
    )
    iptables = gather_facts(machine, run=no_rules).firewalls[Platform.IPTABLES]
    assert (iptables.active, iptables.starts) == (False, False)
    assert iptables.details == {"kind": "legacy", "ipv6": "no"}
    put(tmp_path, "etc/iptables/rules.v4", "*filter\nCOMMIT\n")
    put(tmp_path, "etc/systemd/system/multi-user.target.wants/netfilter-persistent.service")
    facts = gather_facts(machine, run=no_rules, platforms=[Platform.IPTABLES])
    assert facts.firewalls[Platform.IPTABLES].starts
    assert list(facts.firewalls) == [Platform.IPTABLES]
    assert facts.files == {
        "/etc/iptables/rules.v4": "*filter\nCOMMIT\n",
        "/etc/iptables/rules.v6": None,
    }


def test_clients_that_others_have_seen_come_first(tmp_path: Path) -> None:
    seen = Client("192.0.2.9", 445, "nethood's log", 5.0)
    assert gather_facts(ToldMachine(tmp_path), [seen], run=no_rules).clients[0] == seen
