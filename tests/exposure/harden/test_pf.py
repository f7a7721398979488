"""The texts for macOS: read as far as can be without a Mac; the shell lines run against a stub.

What is not run here is pf itself: no pfctl parses the rules.
"""

from __future__ import annotations

import os
import plistlib
import re
import subprocess
from pathlib import Path

import pytest

from nethood.exposure.harden.model import Kind, Step
from nethood.exposure.harden.platforms import pf
from tests.exposure.harden.golden import request

PORTS = r"port \{ \d+(, \d+)* \}"
RULE = re.compile(
    r"(pass|block drop) in quick( on lo0)? proto (tcp|udp) "
    rf"from (any|<nethood_allow>) to any {PORTS}"
)
TABLE = re.compile(r"table <nethood_allow> const \{ [0-9a-f:./]+(, [0-9a-f:./]+)* \}")

PFCTL = """\
#!/bin/sh
echo "pfctl $*" >> "$LOG"
case "$*" in
    -E) echo "No ALTQ support in kernel" >&2; echo "pf enabled"
        echo "Token : $(wc -l < "$LOG" | tr -d ' ')00" >&2 ;;
    "-s rules") echo 'anchor "com.apple/*" all' ;;
esac
"""


def rules(*allow: str) -> list[str]:
    return [line for line in pf.anchor(request(*allow)).splitlines() if not line.startswith("#")]


def shell_of(step: Step, *, undo: bool = False) -> str:
    commands = step.undo if undo else step.commands
    return "".join(command.text for command in commands if command.kind is Kind.SHELL)


def test_every_line_is_a_rule_or_the_table() -> None:
    lines = rules("10.0.0.0/8", "fd00::/8")
    assert TABLE.fullmatch(lines[0])
    assert all(RULE.fullmatch(line) for line in lines[1:])


def test_loopback_then_the_allowed_then_nobody_for_each_port() -> None:
    lines = rules("10.0.0.0/8")[1:]
    for ports, protocol in (("{ 139, 445 }", "tcp"), ("{ 137, 138 }", "udp")):
        of_these = [line for line in lines if f"proto {protocol}" in line]
        assert all(line.endswith(ports) for line in of_these)
        assert [line.partition(" proto")[0] for line in of_these] == [
            "pass in quick on lo0",
            "pass in quick",
            "block drop in quick",
        ]


def test_nobody_allowed_needs_no_table() -> None:
    text = pf.anchor(request())
    assert "nethood_allow" not in text
    assert len(rules()) == 4


def test_the_daemon_is_a_property_list_that_loads_the_anchor() -> None:
    daemon = pf.steps(request())[1]
    held = plistlib.loads(daemon.commands[0].content.encode())
    assert held["Label"] == "nethood.harden"
    assert held["RunAtLoad"] is True
    assert held["ProgramArguments"][:2] == ["/bin/sh", "-c"]
    assert held["ProgramArguments"][2].startswith(f"pfctl -a {pf.ANCHOR} -f {pf.RULES};")
    assert daemon.lasts


@pytest.fixture
def mac(tmp_path: Path) -> dict[str, str]:
    """An environment in which sudo does nothing and pfctl writes down how it is called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("pfctl", PFCTL), ("sudo", '#!/bin/sh\nexec "$@"\n')):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}


def type_in(text: str, mac: dict[str, str], folder: Path) -> list[str]:
    """Run *text* with its files below *folder*; return how pfctl was called."""
    for path in (pf.TOKEN, pf.RULES):
        text = text.replace(path, str(folder / Path(path).name))
    Path(mac["LOG"]).write_text("", encoding="utf-8")
    subprocess.run(["sh", "-c", text], env=mac, check=False, timeout=10)
    return Path(mac["LOG"]).read_text(encoding="utf-8").splitlines()


def test_applied_twice_it_holds_one_reference_and_undone_none(
    tmp_path: Path, mac: dict[str, str]
) -> None:
    step = pf.steps(request())[0]
    anchor = f"-a {pf.ANCHOR}"
    rules_file = tmp_path / "nethood"
    rules_file.write_text("", encoding="utf-8")
    loaded = [f"pfctl -n {anchor} -f {rules_file}", f"pfctl {anchor} -f {rules_file}", "pfctl -E"]
    token = tmp_path / Path(pf.TOKEN).name

    assert type_in(shell_of(step), mac, tmp_path) == [*loaded, "pfctl -s rules"]
    first = token.read_text(encoding="utf-8").strip()
    assert first == "300"
    assert type_in(shell_of(step), mac, tmp_path) == [*loaded, "pfctl -X 300", "pfctl -s rules"]
    assert type_in(shell_of(step, undo=True), mac, tmp_path) == [
        f"pfctl {anchor} -F all",
        "pfctl -X 300",
    ]
    assert not token.exists()
    assert not rules_file.exists()


def test_at_the_start_of_the_mac_an_old_token_is_forgotten(
    tmp_path: Path, mac: dict[str, str]
) -> None:
    held = plistlib.loads(pf.steps(request())[1].commands[0].content.encode())
    token = tmp_path / Path(pf.TOKEN).name
    token.write_text("77\n", encoding="utf-8")
    called = type_in(held["ProgramArguments"][2], mac, tmp_path)
    assert "pfctl -X 77" not in called
    assert token.read_text(encoding="utf-8").strip() == "200"
