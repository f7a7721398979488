"""`nethood local` beside the truth: what a second host experiences with the same rules loaded."""

from __future__ import annotations

import ipaddress
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from nethood.exposure.local.commands import Ran
from nethood.exposure.local.firewall import Access, Packet, Verdict, judge
from nethood.exposure.local.firewall.read import read_linux
from tests.interop import peers
from tests.interop.lan import CABLE, cable, need_programs, running

pytestmark = pytest.mark.interop

OURS = "10.77.0.1"
SOURCES = ("10.77.0.2", "10.78.0.2")
"""The other host has two addresses, so that rules about the sender can be seen to work."""
ANSWERING = Path(__file__).with_name("firewall_peer.py")
TCP_PORTS, UDP_PORTS = (139, 445), (137,)


@dataclass(frozen=True)
class Hosts:
    """Our machine, with something on every port, and another host on the same cable."""

    ours: str
    theirs: str


@pytest.fixture(scope="module")
def hosts(make_namespace: Callable[[], str]) -> Iterator[Hosts]:
    need_programs("nft", "iptables", "iptables-nft-save", "sysctl")
    pair = Hosts(make_namespace(), make_namespace())
    cable(pair.ours, pair.theirs)
    for namespace, address in ((pair.ours, "10.78.0.1"), (pair.theirs, SOURCES[1])):
        added = ["ip", "address", "add", f"{address}/24", "dev", CABLE]
        assert peers.run(added, 10, namespace=namespace).status == 0
    # Otherwise the kernel leaves out ICMP errors where many are due, and that looks "dropped".
    for limit in ("icmp_ratelimit=0", "icmp_msgs_per_sec=100000", "icmp_msgs_burst=100000"):
        peers.run(["sysctl", "-q", "-w", f"net.ipv4.{limit}"], 10, namespace=pair.ours)
    with running(pair.ours, [sys.executable, ANSWERING, "answer"]) as server:
        server.wait_for(lambda line: line == "ready", 10)
        yield pair


def loaded(hosts: Hosts, program: Sequence[str], rules: str) -> None:
    """Replace all rules of our machine. Skips the test where the kernel can't do it."""
    flushes: list[list[str | Path]] = [["nft", "flush", "ruleset"], ["iptables-legacy", "-F"]]
    for flush in flushes:
        if peers.which(str(flush[0])):
            peers.run(flush, 10, namespace=hosts.ours)
    if rules:
        lines = rules.replace("} }", "}\n}")
        ran = peers.run(list(program), 10, namespace=hosts.ours, stdin=lines)
        assert "syntax error" not in ran.output, ran.output
        if ran.status:
            peers.missing(f"{program[0]} can't load these rules here: {ran.output.strip()}")


def inside(hosts: Hosts) -> Callable[[Sequence[str]], Ran | None]:
    """Return the runner of programs on our machine."""

    def run(words: Sequence[str]) -> Ran | None:
        if peers.which(words[0]) is None:
            return None
        command = peers.in_namespace(hosts.ours, words)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def legacy(hosts: Hosts) -> Callable[[int], str]:
    """Return the reader of the names of our machine's legacy tables."""

    def read(family: int) -> str:
        name = "ip_tables_names" if family == 4 else "ip6_tables_names"
        ran = inside(hosts)(["cat", f"/proc/net/{name}"])
        return ran.out if ran and ran.status == 0 else ""

    return read


def experienced(hosts: Hosts) -> dict[str, str]:
    """Return "tcp 445 from 10.77.0.2" -> "open", "rejected" or "dropped", by trying it."""
    cases = [f"tcp:{port}:{source}" for port in TCP_PORTS for source in SOURCES]
    cases += [f"udp:{port}:{source}" for port in UDP_PORTS for source in SOURCES]
    command: list[str | Path] = [sys.executable, ANSWERING, "try", OURS, *cases]
    ran = peers.run(command, 20, namespace=hosts.theirs)
    found = json.loads(ran.output)
    assert isinstance(found, dict)
    return found


def judged(hosts: Hosts) -> dict[str, Verdict]:
    """Return "tcp:445" -> our verdict."""
    state = read_linux(inside(hosts), legacy(hosts))
    assert state.ruleset is not None, state.unknown
    ports = [("tcp", port) for port in TCP_PORTS] + [("udp", port) for port in UDP_PORTS]
    return {
        f"{protocol}:{port}": judge(state.ruleset, Packet(protocol, port, 4, CABLE, OURS))
        for protocol, port in ports
    }


def foretold(verdict: Verdict, source: str) -> str:
    """Return what a verdict says of one sender; "dropped or rejected" where senders differ."""
    if verdict.access is Access.EVERYONE:
        return "open"
    if any(ipaddress.ip_address(source) in ipaddress.ip_network(n) for n in verdict.networks):
        return "open"
    assert verdict.access is not Access.UNKNOWN, verdict
    return verdict.how


def agrees(hosts: Hosts) -> dict[str, Verdict]:
    """Check every verdict against what the other host experiences; return the verdicts."""
    verdicts = judged(hosts)
    for case, outcome in experienced(hosts).items():
        port, _, source = case.rpartition(":")
        assert outcome in foretold(verdicts[port], source), (case, verdicts[port])
    return verdicts


HEAD = "type filter hook input priority filter;"
NFT = {
    "no rules": ("", "open to everyone"),
    "policy": (f"table inet t {{ chain c {{ {HEAD} policy drop; }} }}", "blocked (dropped)"),
    "reject": (
        f"table inet t {{ chain c {{ {HEAD} tcp dport {{ 139, 445 }} reject with tcp reset\n }} }}",
        "blocked (rejected)",
    ),
    "one network": (
        f"table inet t {{ chain c {{ {HEAD} policy drop\n ct state vmap {{ established : accept,"
        " invalid : drop }\n ip saddr 10.78.0.0/24 tcp dport 445 accept\n } }",
        "open to 10.78.0.0/24",
    ),
    "all but one network": (
        f"table ip t {{ chain c {{ {HEAD} ip saddr != 10.77.0.0/24 udp dport 137 accept\n"
        " ip saddr 10.77.0.0/24 th dport { 137, 400-500 } drop\n } }",
        "open to everyone except 10.77.0.0/24",
    ),
    "named sets and a jump that returns": (
        "table inet t { set s { type ipv4_addr; flags interval;"
        " elements = { 10.77.0.2, 192.0.2.0/25 } }\n"
        " chain u { ip saddr @s return\n reject\n }\n"
        f" chain c {{ {HEAD} tcp dport 445 jump u\n }} }}",
        "open to 10.77.0.2, 192.0.2.0/25",
    ),
    "verdict map with goto": (
        "table inet t { chain u { ip saddr 10.77.0.2 accept\n }\n"
        f" chain c {{ {HEAD} policy drop\n tcp dport vmap {{ 139 : accept, 445 : goto u }}\n }} }}",
        "open to 10.77.0.2",
    ),
    "accepted first, dropped later": (
        f"table inet a {{ chain c {{ {HEAD.replace('filter;', '-10;')} accept\n }} }}\n"
        f"table inet b {{ chain c {{ {HEAD} policy drop; udp dport 137 accept\n }} }}",
        "blocked (dropped)",
    ),
    "dropped before input": (
        "table inet t { chain c { type filter hook prerouting priority raw;"
        f' iifname "{CABLE[:3]}*" tcp dport 445 drop\n }} }}',
        "blocked (dropped)",
    ),
    "limits": (
        f"table inet t {{ chain c {{ {HEAD} policy drop\n"
        " tcp dport 139 limit rate over 50/second drop\n"
        " tcp dport { 139, 445 } ct state new limit rate 50/second accept\n"
        " ct state established accept\n } }",
        "open to everyone",
    ),
    "concatenation": (
        f"table inet t {{ chain c {{ {HEAD} policy drop\n"
        " ip saddr . tcp dport { 10.78.0.2 . 445, 10.77.0.2 . 139 } accept\n } }",
        "open to 10.78.0.2",
    ),
    "flags and routes": (
        f"table inet t {{ chain c {{ {HEAD} tcp flags & (syn|ack) == syn tcp dport 139 drop\n"
        " fib daddr type local tcp dport 445 drop\n fib saddr . iif oif missing drop\n } }",
        "blocked (dropped)",
    ),
}


@pytest.mark.parametrize("case", NFT)
def test_nft_does_what_we_say(hosts: Hosts, case: str) -> None:
    rules, expected = NFT[case]
    loaded(hosts, ["nft", "-f", "-"], rules)
    assert str(agrees(hosts)["tcp:445"]) == expected


def by_chance(seed: int) -> str:
    """Return a ruleset of chains that jump to one another, with rules put together by chance."""
    chance = Random(seed)
    matches = (
        "tcp dport 445",
        "tcp dport { 139, 445 }",
        "tcp dport != 445",
        "th dport 137-139",
        "ip saddr 10.77.0.0/24",
        "ip saddr != 10.77.0.2",
        "ip saddr 10.78.0.2 tcp dport 139",
        "ct state new",
        "ct state established",
        f'iifname != "{CABLE}"',
        "ip daddr 10.77.0.1",
        "meta l4proto udp",
    )
    ends = ("accept", "drop", "reject", "return")
    chains: list[str] = []
    for depth in (3, 2, 1, 0):
        name = "c" if depth == 0 else f"u{depth}"
        jumps = [f"{verb} u{n}" for n in range(depth + 1, 4) for verb in ("jump", "goto")]
        body = [f" {chance.choice(matches)} {chance.choice([*ends, *jumps])}" for _ in range(5)]
        head = f"{HEAD} policy {chance.choice(['accept', 'drop'])};" if depth == 0 else ""
        if depth == 0:
            # The verdict is about the first packet; what follows it is let in here.
            body.insert(0, " ct state established accept")
        chains.append("\n".join([f"chain {name} {{ {head}", *body, "}"]))
    return "table inet t {\n" + "\n".join(chains) + "\n}\n"


@pytest.mark.parametrize("seed", range(8))
def test_rules_made_by_chance_do_what_we_say(hosts: Hosts, seed: int) -> None:
    rules = by_chance(seed)
    loaded(hosts, ["nft", "-f", "-"], rules)
    try:
        agrees(hosts)
    except AssertionError as error:
        error.add_note(rules)
        raise


IPTABLES = {
    "modules": (
        "-A INPUT -p tcp -m multiport --dports 139,445 -m conntrack --ctstate NEW"
        " -m iprange --src-range 10.77.0.1-10.77.0.9 -j ACCEPT\n"
        "-A INPUT -p tcp -m comment --comment 'the \"rest\"' -j DROP\n",
        "open to 10.77.0.1, 10.77.0.2/31, 10.77.0.4/30, 10.77.0.8/31",
    ),
    "negations": (
        "-A INPUT ! -s 10.78.0.0/24 -p tcp ! --dport 139 -j REJECT\n"
        "-A INPUT ! -i lan+ -j ACCEPT\n-A INPUT -p udp -m pkttype --pkt-type unicast -j DROP\n",
        "open to 10.78.0.0/24",
    ),
    "chains": (
        "-N A\n-N B\n-A INPUT -p tcp -g A\n-A INPUT -j ACCEPT\n"
        "-A A -s 10.77.0.2 -j RETURN\n-A A --proto tcp --dport 445 -j B\n"
        "-A B -m recent --name seen --set\n"
        "-A B -m recent --name seen --update --seconds 60 --hitcount 9 -j DROP\n"
        "-A B -m addrtype --dst-type LOCAL -j ACCEPT\n-P INPUT DROP\n",
        "open to everyone except 10.77.0.2",
    ),
    "a quiet host": (
        "-A INPUT -p tcp --syn -m limit --limit 90/second -j ACCEPT\n"
        "-A INPUT -p tcp -m connlimit --connlimit-above 20 -j REJECT\n"
        "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-P INPUT DROP\n",
        "open to everyone",
    ),
}


@pytest.mark.parametrize("case", IPTABLES)
@pytest.mark.parametrize("program", ["iptables-nft", "iptables-legacy"])
def test_iptables_does_what_we_say(hosts: Hosts, program: str, case: str) -> None:
    need_programs(program)
    rules, expected = IPTABLES[case]
    loaded(hosts, [], "")
    try:
        for line in rules.splitlines():
            ran = peers.run([program, *shlex.split(line)], 10, namespace=hosts.ours)
            if ran.status:
                peers.missing(f"{program} can't load {line!r} here: {ran.output.strip()}")
        assert str(agrees(hosts)["tcp:445"]) == expected
    finally:
        for clean in (["-P", "INPUT", "ACCEPT"], ["-F"], ["-X"]):
            peers.run([program, *clean], 10, namespace=hosts.ours)


def test_ufw_does_what_we_say(hosts: Hosts, tmp_path: Path) -> None:
    need_programs("ufw")
    for part in ("etc/ufw", "etc/default", "usr/share/ufw", "lib/ufw"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        if part != "etc/default":
            shutil.copytree(f"/{part}", tmp_path / part)
    (tmp_path / "etc/default").mkdir()
    shutil.copy("/etc/default/ufw", tmp_path / "etc/default/ufw")
    loaded(hosts, [], "")
    ufw = ["ufw", f"--rootdir={tmp_path}", f"--datadir={tmp_path}"]
    try:
        for words in (
            "allow from 10.78.0.0/24 to any port 445 proto tcp",
            "limit 139/tcp",
            "--force enable",
        ):
            ran = peers.run([*ufw, *words.split()], 30, namespace=hosts.ours)
            assert ran.status == 0, ran.output
        verdicts = {port: str(verdict) for port, verdict in agrees(hosts).items()}
    finally:
        peers.run([*ufw, "--force", "disable"], 30, namespace=hosts.ours)
    assert verdicts == {
        "tcp:139": "open to everyone",
        "tcp:445": "open to 10.78.0.0/24",
        "udp:137": "blocked (dropped)",
    }


def test_what_nobody_can_decide_is_unknown_and_quoted(hosts: Hosts) -> None:
    rules = (
        f"table inet t {{ chain c {{ {HEAD} policy drop\n meta mark 0x7 tcp dport 445 accept\n"
        " tcp dport 139 meta cpu 0 accept\n }\n chain n { type nat hook prerouting priority dstnat;"
        " udp dport 137 redirect to :139\n } }"
    )
    loaded(hosts, ["nft", "-f", "-"], rules)
    found = {port: str(verdict) for port, verdict in judged(hosts).items()}
    loaded(hosts, [], "")
    assert found == {
        "tcp:445": ("unknown: it depends on 'inet t c: meta mark 0x00000007 tcp dport 445 accept'"),
        "tcp:139": "unknown: it depends on 'inet t c: tcp dport 139 meta cpu 0 accept'",
        "udp:137": (
            "unknown: it is sent on to :139 by the rule 'inet t n: udp dport 137 redirect to :139'"
        ),
    }


def command(namespace: str, *options: str, user: int = 0) -> peers.Ran:
    """Run `nethood local`."""
    words = [sys.executable, "-m", "nethood", "local", *options]
    if user:
        words = ["setpriv", f"--reuid={user}", "--clear-groups", *words]
    return peers.run(words, 40, namespace=namespace)


def report(ran: peers.Ran) -> dict[str, Any]:
    value = json.loads(ran.output)
    assert isinstance(value, dict)
    return value


SMB_CONF = """[global]
   server min protocol = NT1
   server signing = mandatory
   load printers = no
   {folders}
[files]
   path = {folder}
   guest ok = yes
"""


def smb_conf(folder: Path) -> Path:
    """Write the configuration of an smbd of the test's own."""
    names = ("private dir", "lock directory", "state directory", "cache directory", "ncalrpc dir")
    lines = [f"{name} = {folder}" for name in (*names, "pid directory")]
    lines += [f"log file = {folder}/log", f"passdb backend = tdbsam:{folder}/passdb.tdb"]
    conf = folder / "smb.conf"
    conf.write_text(SMB_CONF.format(folders="\n   ".join(lines), folder=folder))
    return conf


def test_smbd_is_found_with_its_process_user_and_settings(
    make_namespace: Callable[[], str], tmp_path: Path
) -> None:
    need_programs("smbd", "testparm", "nft")
    ours, theirs = make_namespace(), make_namespace()
    cable(ours, theirs)
    # smbd signals its process group when it ends: it gets one of its own.
    words: list[str | Path] = [
        "setsid",
        "smbd",
        "-F",
        "--no-process-group",
        "--debug-stdout",
        "-d1",
    ]
    with running(ours, [*words, "-s", smb_conf(tmp_path)]) as smbd:
        smbd.wait_for(lambda line: "started" in line, 20)
        found = poll(lambda: command(ours, "--json"), both_ports)
        assert found["open_to_others"] is True
        assert found["conclusion"].startswith(
            "TCP 445 is open to every network: smbd (root, pid "
        ), found["conclusion"]
        [listener] = [
            x for x in found["listeners"] if (x["port"], x["address"]) == (445, "0.0.0.0")
        ]
        assert listener["access"] == "everyone"
        assert smbd.process.pid in [owner["pid"] for owner in listener["processes"]]
        settings = {x["name"]: (x["value"], x["advice"]) for x in found["settings"]}
        assert settings["server min protocol"][0] == "NT1"
        assert "SMB1 is allowed" in settings["server min protocol"][1]
        assert settings["server signing"] == ("required", "")
        assert settings["shares open to guests"][0] == "files"
        assert command(ours, "--fail-on-open").status == 1
        rules = f"table inet t {{ chain c {{ {HEAD} policy drop; }} }}"
        closed = Hosts(ours, theirs)
        loaded(closed, ["nft", "-f", "-"], rules)
        shut = command(ours, "--fail-on-open")
        assert shut.status == 0
        assert "the firewall blocks TCP 445" in shut.output


def poll(ask: Callable[[], peers.Ran], accept: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until the report is as wanted; it takes smbd a moment to listen on all its ports."""
    for _ in range(20):
        found = report(ask())
        if accept(found):
            return found
    raise AssertionError(found)


def both_ports(found: dict[str, Any]) -> bool:
    return {139, 445} <= {listener["port"] for listener in found["listeners"]}


def test_without_root_it_says_what_it_cannot_see(hosts: Hosts) -> None:
    need_programs("setpriv")
    loaded(hosts, [], "")
    found = report(command(hosts.ours, "--json", user=65534))
    assert found["firewall"]["unknown"] == "reading the firewall's rules needs root"
    assert {one["processes_unknown"] for one in found["listeners"]} == {"needs root"}
    assert {one["access"] for one in found["listeners"]} == {"unknown"}
    assert found["open_to_others"] is None
    assert command(hosts.ours, "--fail-on-open", user=65534).status == 1
