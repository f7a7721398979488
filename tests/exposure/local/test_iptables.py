"""Rules of iptables, option by option, and the verdict they lead to."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.exposure.local.firewall import Access, Packet, judge, rules_from_iptables
from tests.exposure.local.rules import iptables, recorded, tcp445

HOLDS = [
    "-p tcp",
    "-p 6",
    "-p all",
    "! -p udp",
    "-p tcp -m tcp --dport 445",
    "-p tcp -m tcp --dport 400:500",
    "-p tcp -m tcp --dport microsoft-ds",
    "-p tcp -m tcp ! --dport 139",
    "-p tcp -m tcp --dport :1023",
    "-p tcp -m multiport --dports 139,440:450",
    "-p tcp -m multiport ! --dports 139",
    "-d 192.0.2.0/24",
    "-d 192.0.2.1",
    "! -d 198.51.100.1",
    "-i eth0",
    "-i eth+",
    "! -i lo",
    "! -i docker+",
    "-m conntrack --ctstate NEW",
    "-m conntrack --ctstate NEW,ESTABLISHED",
    "-m conntrack ! --ctstate INVALID",
    "-m state --state NEW",
    "-m conntrack ! --ctstatus DNAT",
    "-m conntrack --ctdir ORIGINAL",
    "-m addrtype --dst-type LOCAL",
    "-m addrtype ! --dst-type BROADCAST",
    "-m addrtype ! --src-type LOCAL",
    "-m pkttype --pkt-type unicast",
    "-m pkttype ! --pkt-type multicast",
    "-m iprange --dst-range 192.0.2.0-192.0.2.9",
    "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
    "-p tcp -m tcp --syn",
    "-p tcp -m tcp ! --tcp-flags SYN NONE",
    "-m limit --limit 3/min --limit-burst 10",
    "-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name x",
    "-m hashlimit ! --hashlimit-above 5/sec --hashlimit-burst 5 --hashlimit-name x",
    "-m connlimit --connlimit-upto 3 --connlimit-mask 32 --connlimit-saddr",
    '-m comment --comment "a \\"quoted\\" word -j DROP"',
    "-m recent --set --name SEEN --mask 255.255.255.255 --rsource",
    "-m rpfilter --loose --validmark",
    "! -f",
]

FAILS = [
    "-p udp",
    "-p tcp -m tcp --dport 139",
    "-p tcp -m tcp ! --dport 445",
    "-p udp -m udp --dport 445",
    "-d 198.51.100.0/24",
    "-d 224.0.0.251/32",
    "-i lo",
    "! -i eth0",
    "-m conntrack --ctstate RELATED,ESTABLISHED",
    "-m conntrack ! --ctstate NEW",
    "-m conntrack --ctstate INVALID,UNTRACKED",
    "-m conntrack --ctstatus DNAT",
    "-m addrtype --dst-type MULTICAST",
    "-m addrtype --src-type LOCAL",
    "-m pkttype --pkt-type broadcast",
    "-p tcp -m tcp --tcp-flags FIN,SYN FIN,SYN",
    "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN",
    "-p tcp -m tcp --tcp-flags ALL NONE",
    "-m connlimit --connlimit-above 10 --connlimit-mask 32 --connlimit-saddr",
    "-m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x",
    "-m recent --update --seconds 30 --hitcount 6 --name SEEN --rsource",
    "-m rpfilter --invert",
    "-p icmp -m icmp --icmp-type 8",
    "-f",
]

UNCLEAR = [
    "-m mark --mark 0x1",
    "-m set --match-set allowed src",
    "-m mac --mac-source 00:11:22:33:44:55",
    "-m recent --rcheck --name knocked --rsource",
    "-p tcp -m tcp --sport 53",
    "-m time --timestart 09:00:00",
    "-m u32 --u32 0x0=0x1",
    "-m owner --uid-owner 0",
    "-m statistic --mode random --probability 0.5",
    "-m string --string x --algo bm",
]


@pytest.mark.parametrize("words", HOLDS)
def test_what_holds_for_a_new_connection(words: str) -> None:
    assert str(tcp445(iptables(f"-A INPUT {words} -j DROP"))) == "blocked (dropped)"
    assert str(tcp445(iptables(f"-A INPUT {words} -j ACCEPT", "DROP"))) == "open to everyone"


@pytest.mark.parametrize("words", FAILS)
def test_what_does_not_hold_for_it(words: str) -> None:
    assert str(tcp445(iptables(f"-A INPUT {words} -j DROP"))) == "open to everyone"
    assert str(tcp445(iptables(f"-A INPUT {words} -j ACCEPT", "DROP"))) == "blocked (dropped)"


@pytest.mark.parametrize("words", UNCLEAR)
def test_what_nobody_can_know_is_quoted(words: str) -> None:
    rule = f"-A INPUT {words} -j ACCEPT"
    verdict = tcp445(iptables(rule, "DROP"))
    assert verdict.access is Access.UNKNOWN
    assert verdict.reason == f"it depends on 'iptables {rule}'"


@pytest.mark.parametrize("words", UNCLEAR)
@pytest.mark.parametrize("target", ["LOG", "MARK --set-xmark 0x1/0xff", "log-it"])
def test_an_unclear_rule_that_makes_no_difference_costs_nothing(words: str, target: str) -> None:
    rules = f":log-it - [0:0]\n-A log-it -j LOG\n-A INPUT {words} -j {target}"
    assert str(tcp445(iptables(rules))) == "open to everyone"
    assert str(tcp445(iptables(f"-A INPUT {words} -j ACCEPT"))) == "open to everyone"
    assert str(tcp445(iptables(f"-A INPUT {words} -j DROP", "DROP"))) == "blocked (dropped)"


SENDERS = [
    ("-A INPUT -s 10.0.0.0/8 -j ACCEPT", "DROP", "open to 10.0.0.0/8"),
    ("-A INPUT -s 10.0.0.0/8 -j DROP", "ACCEPT", "open to everyone except 10.0.0.0/8"),
    ("-A INPUT ! -s 10.0.0.0/8 -j DROP", "ACCEPT", "open to 10.0.0.0/8"),
    (
        "-A INPUT -s 10.1.0.0/16 -j DROP\n-A INPUT -s 10.0.0.0/15 -j ACCEPT",
        "DROP",
        "open to 10.0.0.0/16",
    ),
    (
        "-A INPUT -m iprange --src-range 10.0.0.4-10.0.0.5 -j ACCEPT",
        "DROP",
        "open to 10.0.0.4/31",
    ),
    (
        "-A INPUT -s 10.0.0.0/8 -m mark --mark 1 -j ACCEPT",
        "DROP",
        "unknown: it depends on 'iptables -A INPUT -s 10.0.0.0/8 -m mark --mark 1 -j ACCEPT'",
    ),
    (
        "-A INPUT -s 192.0.2.0/24 -j ACCEPT\n-A INPUT -m mark --mark 1 -j ACCEPT",
        "DROP",
        "open to 192.0.2.0/24; others unknown: it depends on"
        " 'iptables -A INPUT -m mark --mark 1 -j ACCEPT'",
    ),
    ("-A INPUT -s 127.0.0.0/8 -j DROP", "ACCEPT", "open to everyone"),
]


@pytest.mark.parametrize(("rules", "policy", "expected"), SENDERS)
def test_who_is_let_in(rules: str, policy: str, expected: str) -> None:
    assert str(tcp445(iptables(rules, policy))) == expected


CHAINS = [
    ("-A u -j RETURN\n-A INPUT -j u\n-A INPUT -j ACCEPT", "open to everyone"),
    ("-A u -p udp -j ACCEPT\n-A INPUT -j u", "blocked (dropped)"),
    ("-A u -p udp -j ACCEPT\n-A INPUT -g u\n-A INPUT -j ACCEPT", "blocked (dropped)"),
    ("-A u -g v\n-A INPUT -j u\n-A INPUT -j ACCEPT", "open to everyone"),
    ("-A v -j RETURN\n-A u -g v\n-A u -j REJECT\n-A INPUT -j u\n-A INPUT -j ACCEPT", None),
    ("-A u -j v\n-A v -j REJECT --reject-with icmp-port-unreachable\n-A INPUT -j u", "rejected"),
    ("-A INPUT -j RETURN\n-A INPUT -j ACCEPT", "blocked (dropped)"),
    ("-A INPUT -j NFQUEUE --queue-num 0", "unknown"),
    ("-A INPUT -j SOMETHINGNEW", "unknown"),
]


@pytest.mark.parametrize(("rules", "expected"), CHAINS)
def test_jumps_returns_and_gotos(rules: str, expected: str | None) -> None:
    verdict = str(tcp445(iptables(f":u - [0:0]\n:v - [0:0]\n{rules}", "DROP")))
    assert (expected or "open to everyone") in verdict


def test_chains_that_jump_in_a_circle_end() -> None:
    rules = ":u - [0:0]\n:v - [0:0]\n-A u -j v\n-A u -j v\n-A v -j u\n-A v -j u\n-A INPUT -j u"
    assert tcp445(iptables(rules)).access is Access.UNKNOWN


def test_all_tables_must_let_it_in() -> None:
    text = (
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n"
        "*mangle\n:PREROUTING ACCEPT [0:0]\n[3:180] -A PREROUTING -s 10.0.0.0/8 -j DROP\nCOMMIT\n"
    )
    assert str(tcp445(rules_from_iptables(text))) == "open to everyone except 10.0.0.0/8"


def test_ipv4_rules_are_not_for_ipv6() -> None:
    assert str(tcp445(iptables("-A INPUT -j DROP"), 6)) == "open to everyone"
    six = iptables("-A INPUT -s fe80::/10 -j ACCEPT\n-A INPUT -m rt --rt-type 0 -j DROP", "DROP", 6)
    assert str(tcp445(six, 6)) == "open to fe80::/10"
    assert str(tcp445(six)) == "open to everyone"


@pytest.mark.parametrize(
    ("packet", "file", "expected"),
    [
        (Packet("tcp", 445, 4, "eth0", "10.77.0.1"), "ufw.txt", "open to 10.77.0.0/24"),
        (Packet("tcp", 445, 4), "ufw.txt", "open to 10.77.0.0/24"),
        (Packet("tcp", 139, 4, "eth0", "10.77.0.1"), "ufw.txt", "open to everyone"),
        (Packet("udp", 137, 4, "eth0", "10.77.0.1"), "ufw.txt", "blocked (dropped)"),
        (Packet("udp", 5353, 4, "eth0", "10.77.0.1"), "ufw.txt", "blocked (dropped)"),
        (Packet("udp", 5353, 4, "eth0", "224.0.0.251"), "ufw.txt", "open to everyone"),
        (Packet("tcp", 445, 6, "eth0", "fe80::1"), "ufw6.txt", "blocked (dropped)"),
        (Packet("tcp", 139, 6, "eth0", "fe80::1"), "ufw6.txt", "open to everyone"),
    ],
)
def test_the_rules_ufw_makes(packet: Packet, file: str, expected: str) -> None:
    ruleset = rules_from_iptables(recorded(file), packet.family)
    assert str(judge(ruleset, packet)) == expected


DOCKER = """*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 445 -j DNAT --to-destination 172.17.0.2:445
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 445 -j ACCEPT
-A DOCKER-USER -j RETURN
-A INPUT -s 203.0.113.0/24 -j DROP
COMMIT
"""


def test_what_docker_sends_on_is_not_called_open_or_shut() -> None:
    ruleset = rules_from_iptables(DOCKER)
    assert str(tcp445(ruleset)) == (
        "unknown: it is sent on to 172.17.0.2:445 by the rule 'iptables -t nat -A DOCKER ! -i"
        " docker0 -p tcp -m tcp --dport 445 -j DNAT --to-destination 172.17.0.2:445'"
    )
    other = judge(ruleset, Packet("tcp", 139, 4, "eth0", "192.0.2.1"))
    assert str(other) == "open to everyone except 203.0.113.0/24"
    assert other.rules == ("iptables -A INPUT -s 203.0.113.0/24 -j DROP",)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "*filter\n-A INPUT -j ACCEPT\n",
        "*filter\n:INPUT\n",
        "*filter\n:INPUT MAYBE [0:0]\n",
        '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment "x -j DROP\n',
        "*unheard\n:INPUT ACCEPT [0:0]\n",
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j\n",
    ],
)
def test_what_is_no_such_text_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        rules_from_iptables(text)


def test_nothing_at_all_is_no_rules() -> None:
    assert rules_from_iptables("").rule_count == 0
