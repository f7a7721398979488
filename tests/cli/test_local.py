"""`nethood local` from what was found to what is printed, and its exit status."""

from __future__ import annotations

import json

import pytest

from nethood.cli import run
from nethood.cli.local import fields, lines
from nethood.exposure.local import survey as survey_module
from nethood.exposure.local.firewall import Ruleset, rules_from_iptables
from nethood.exposure.local.firewall.read import FirewallState
from nethood.exposure.local.listeners import Listener, Owner, Place, Service
from nethood.exposure.local.settings.model import Setting
from nethood.exposure.local.survey import LocalReport, expose

ETH = Place("eth0", "10.77.0.1", "10.77.0.0/24")
WG = Place("wg0", "10.9.0.1", "10.9.0.0/16")
SMB = Service("tcp", 445, "SMB")
HEAD = "*filter\n:INPUT ACCEPT [0:0]\n"


def listener(*places: Place, name: str = "smbd", service: Service = SMB) -> Listener:
    reach = "every IPv4 address" if places else "this machine only"
    return Listener(service, "0.0.0.0", reach, list(places), [Owner(812, name, "root")])


def report(*listeners: Listener, rules: str | None = "", unknown: str = "") -> LocalReport:
    ruleset: Ruleset | None = None
    if rules is not None:
        ruleset = rules_from_iptables(HEAD + rules)
    state = FirewallState(ruleset, unknown, ["ufw"])
    setting = Setting("Samba", "server signing", "default", advice="set it")
    return LocalReport([expose(one, state) for one in listeners], state, [setting], [ETH])


def first(found: LocalReport) -> str:
    return str(fields(found)["conclusion"])


@pytest.mark.parametrize(
    ("found", "sentence", "open_to_others"),
    [
        (
            report(listener(ETH)),
            "TCP 445 is open to every network: smbd (root, pid 812).",
            True,
        ),
        (
            report(listener(ETH), rules="-A INPUT ! -s 10.77.0.0/24 -j DROP"),
            "TCP 445 is open to 10.77.0.0/24: smbd (root, pid 812).",
            True,
        ),
        (
            report(listener(ETH), rules="-A INPUT -s 10.77.0.0/24 -j DROP"),
            "TCP 445 is open to everyone except 10.77.0.0/24: smbd (root, pid 812).",
            True,
        ),
        (
            report(listener(ETH), rules="-A INPUT -j DROP"),
            "Nothing of SMB or NetBIOS is open to other hosts: the firewall blocks TCP 445.",
            False,
        ),
        (
            report(listener()),
            "Nothing of SMB or NetBIOS is open to other hosts:"
            " TCP 445 can be reached from this machine only.",
            False,
        ),
        (
            report(listener(ETH), rules=None, unknown="reading the firewall's rules needs root"),
            "Whether TCP 445 can be reached from outside is"
            " unknown: reading the firewall's rules needs root.",
            None,
        ),
        (report(), "Nothing here listens for SMB or NetBIOS.", False),
        (
            report(listener(ETH, service=Service("udp", 5353, "mDNS", True))),
            "Nothing here listens for SMB or NetBIOS.",
            False,
        ),
    ],
)
def test_the_conclusion_and_the_exit_status(
    found: LocalReport,
    sentence: str,
    open_to_others: bool | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert first(found) == sentence
    monkeypatch.setattr(survey_module, "survey", lambda: found)
    assert run(["local"]) == 0
    assert capsys.readouterr().out.startswith(sentence)
    assert run(["local", "--fail-on-open"]) == (0 if open_to_others is False else 1)
    capsys.readouterr()
    assert run(["local", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["open_to_others"] is open_to_others


def test_interfaces_that_differ_are_told_apart() -> None:
    found = report(listener(ETH, WG), rules="-A INPUT -i wg+ -j REJECT")
    text = "\n".join(lines(found))
    assert "through eth0 IPv4: open to everyone; through wg0 IPv4: blocked (rejected)" in text
    assert "by 'iptables -A INPUT -i wg+ -j REJECT'" in text
    [row] = fields(found)["listeners"]
    assert [(gate["access"], gate["places"][0]["interface"]) for gate in row["firewall"]] == [
        ("everyone", "eth0"),
        ("nobody", "wg0"),
    ]


def test_what_is_unknown_is_not_hidden_by_what_is_open() -> None:
    session = Service("tcp", 139, "SMB over NetBIOS")
    rules = "-A INPUT -p tcp -m tcp --dport 139 -m mark --mark 1 -j DROP"
    assert first(report(listener(ETH), listener(ETH, service=session), rules=rules)) == (
        "TCP 445 is open to every network: smbd (root, pid 812). Whether TCP 139 can be reached"
        f" from outside is unknown: it depends on 'iptables {rules}'."
    )


def test_a_process_cannot_steer_the_terminal() -> None:
    evil = "smbd\x1b[2J\r\nhidden\u202e"
    comment = '-A INPUT -m comment --comment "\x1b]0;x\x07" -j DROP'
    for line in lines(report(listener(ETH, name=evil), rules=comment)):
        assert "\x1b]" not in line
        assert "\x1b[2J" not in line
        assert not set("\r\n\x07\u202e") & set(line)


def test_advice_names_the_firewall_that_is_there() -> None:
    advice = fields(report(listener(ETH)))["advice"]
    assert "ufw allow from 10.77.0.0/24 to any port 445 proto tcp" in advice[0]
    assert advice[-1] == "server signing: set it"


def test_the_keys_are_stable() -> None:
    found = fields(report(listener(ETH)))
    assert list(found) == [
        "schema_version",
        "conclusion",
        "advice",
        "open_to_others",
        "listeners_unknown",
        "listeners",
        "firewall",
        "settings",
    ]
    assert list(found["listeners"][0]) == [
        "protocol",
        "port",
        "service",
        "beside",
        "address",
        "reach",
        "processes",
        "processes_unknown",
        "access",
        "access_why",
        "firewall",
        "notes",
    ]
