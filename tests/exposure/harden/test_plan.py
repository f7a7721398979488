"""What a plan says, and which firewall it is for."""

from __future__ import annotations

import json

import pytest

from nethood.errors import LocalError
from nethood.exposure.harden.model import (
    Client,
    FirewallFacts,
    LocalFacts,
    PlanRequest,
    Platform,
    parse_network,
    plan_from_json,
    plan_to_json,
)
from nethood.exposure.harden.plan import choose_platform, make_plan, steps_of

OFF, ON = FirewallFacts(installed=True), FirewallFacts(installed=True, active=True)
STARTS = FirewallFacts(installed=True, starts=True)


def facts(**firewalls: FirewallFacts) -> LocalFacts:
    return LocalFacts(firewalls={Platform(name): facts for name, facts in firewalls.items()})


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"ufw": ON, "nftables": ON}, Platform.UFW),
        ({"ufw": ON, "firewalld": ON, "nftables": ON}, Platform.FIREWALLD),
        ({"ufw": OFF, "firewalld": OFF, "nftables": OFF, "iptables": ON}, Platform.NFTABLES),
        ({"nftables": ON, "iptables": STARTS}, Platform.IPTABLES),
        ({"ufw": OFF, "iptables": OFF}, Platform.IPTABLES),
    ],
)
def test_the_firewall_in_use_is_chosen(there: dict[str, FirewallFacts], chosen: Platform) -> None:
    assert choose_platform(facts(**there)) is chosen


def test_without_a_firewall_it_says_what_to_install() -> None:
    with pytest.raises(LocalError, match="install nftables"):
        choose_platform(facts(ufw=FirewallFacts(installed=False)))
    assert choose_platform(LocalFacts(system="windows")) is Platform.WINDOWS_FIREWALL
    assert choose_platform(LocalFacts(system="darwin")) is Platform.PF


def test_a_plan_says_who_is_shut_out() -> None:
    seen = [
        Client("10.0.0.9", 445, "a connection right now", 5.0),
        Client("192.0.2.7", 445, "a connection right now", 5.0),
        Client("fe80::1%eth0", 139, "nethood's log"),
    ]
    allow = [parse_network("10.0.0.0/8")]
    plan = make_plan(LocalFacts(clients=seen), allow, [Platform.NFTABLES], made_unix=9.0)
    assert [client.allowed for client in plan.clients] == [True, False, False]
    broken = "\n".join(plan.breaks)
    assert "Computers outside 10.0.0.0/8 can't open" in broken
    assert "192.0.2.7 uses 445/tcp (a connection right now)" in broken
    assert "fe80::1%eth0 uses 139/tcp" in broken
    assert "10.0.0.9" not in broken
    assert plan.closes == ["139/tcp", "445/tcp", "137/udp", "138/udp"]
    assert any("ssh" in note for note in plan.notes)


@pytest.mark.parametrize("platform", list(Platform))
def test_every_platform_has_steps_and_a_plan_survives_json(platform: Platform) -> None:
    plan = make_plan(LocalFacts(), [parse_network("10.0.0.0/8")], [platform])
    assert plan.steps
    assert len({step.id for step in plan.steps}) == len(plan.steps)
    for step in plan.steps:
        assert step.platform is platform
        assert step.commands
        assert step.undo
    assert plan_from_json(plan_to_json(plan)) == plan


def test_a_plan_says_who_gets_in_now() -> None:
    let_in = {"445/tcp IPv4": "everyone", "137/udp IPv4": "10.0.0.0/8", "445/tcp IPv6": "everyone"}
    known = LocalFacts(let_in=let_in, rules_unknown="")
    said = "everyone at 445/tcp IPv4, 445/tcp IPv6; 10.0.0.0/8 at 137/udp IPv4"
    assert said in make_plan(known, [], [Platform.NFTABLES]).notes[-1]
    nobody = make_plan(LocalFacts(rules_unknown=""), [], [Platform.NFTABLES])
    assert nobody.notes[-1].endswith("let in: nobody.")
    unknown = make_plan(LocalFacts(rules_unknown="needs root"), [], [Platform.NFTABLES])
    assert "not known: needs root" in unknown.notes[-1]


def test_allowed_networks_are_joined_and_sorted() -> None:
    words = ("10.0.1.0/24", "fd00::/8", "10.0.0.0/24", "2001:db8::1", "192.0.2.1")
    request = PlanRequest(allow=tuple(parse_network(word) for word in words))
    assert request.allow_v4 == ["10.0.0.0/23", "192.0.2.1/32"]
    assert request.allow_v6 == ["2001:db8::1/128", "fd00::/8"]


@pytest.mark.parametrize(
    "word", ["", "10.0.0.1/8", "10.0.0.0/33", "nas.example", "fe80::1%eth0/64"]
)
def test_what_is_no_network_is_refused(word: str) -> None:
    with pytest.raises(LocalError, match="--allow"):
        parse_network(word)


def test_what_is_no_plan_is_refused() -> None:
    good = json.loads(plan_to_json(make_plan(LocalFacts(), [], [Platform.NFTABLES])))
    for text in ("", "[]", "{}", json.dumps(good | {"steps": [{"id": 5}]})):
        with pytest.raises(LocalError, match="not a plan"):
            plan_from_json(text)
    with pytest.raises(LocalError, match="version 7"):
        plan_from_json(json.dumps(good | {"version": 7}))


def test_ufw_says_what_enabling_it_means() -> None:
    (step,) = steps_of(Platform.UFW)(PlanRequest(facts(ufw=OFF)))
    assert not step.commands
    assert "ufw allow OpenSSH" in " ".join(step.notes)
    (step,) = steps_of(Platform.FIREWALLD)(PlanRequest(facts(firewalld=OFF)))
    assert "firewalld is not running" in step.notes[0]


def test_where_ipv6_is_not_judged_the_plan_says_so() -> None:
    without = FirewallFacts(installed=True, active=True, details={"ipv6": "no"})
    allow = (parse_network("fd00::/8"),)
    (step,) = steps_of(Platform.UFW)(PlanRequest(facts(ufw=without), allow))
    assert any("IPV6=no" in note for note in step.notes)
    assert not any("fd00::/8" in command.argv for command in step.commands)
    chain, _ = steps_of(Platform.IPTABLES)(PlanRequest(facts(iptables=without), allow))
    assert [command.argv[0] for command in chain.commands] == ["iptables-restore"]
    assert any("only IPv4" in note for note in chain.notes)


def test_where_nothing_loads_the_rules_the_plan_says_so() -> None:
    for platform in (Platform.NFTABLES, Platform.IPTABLES):
        _, lasting = steps_of(platform)(PlanRequest(LocalFacts(systemd=False)))
        assert "Nothing here loads" in lasting.notes[0]
        _, lasting = steps_of(platform)(PlanRequest(LocalFacts(systemd=True)))
        assert lasting.notes == []


def test_firewalld_closes_every_zone_in_use() -> None:
    there = FirewallFacts(installed=True, active=True, details={"zones": "home public"})
    now, lasting = steps_of(Platform.FIREWALLD)(PlanRequest(facts(firewalld=there)))
    assert [command.argv[1] for command in now.commands] == ["--zone=home", "--zone=public"]
    assert [command.argv[1] for command in lasting.commands] == ["--permanent"] * 2
