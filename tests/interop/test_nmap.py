"""nmap's SMB2 scripts, against ports 445 and 139 of a network namespace."""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.server import RunningServer

pytestmark = pytest.mark.timeout(120)

SCRIPTS = ("smb-protocols", "smb2-security-mode", "smb2-capabilities", "smb2-time")


@pytest.fixture(scope="module", params=[445, 139])
def answers(request: pytest.FixtureRequest, real_ports: RunningServer) -> dict[str, str]:
    """What each script printed."""
    peers.need("nmap")
    return scan(real_ports, request.param)


def scan(server: RunningServer, port: int) -> dict[str, str]:
    command = ["nmap", "-n", "-Pn", "-sT", f"-p{port}", "--script", ",".join(SCRIPTS), "-oX", "-"]
    ran = peers.run([*command, server.host], 90, namespace=server.options.namespace)
    assert ran.status == 0, ran.output
    root = ElementTree.fromstring(ran.output[ran.output.index("<?xml") :])
    return {e.attrib["id"]: e.attrib["output"] for e in root.iter("script")}


def test_protocols(answers: dict[str, str]) -> None:
    spoken = {line.strip() for line in answers["smb-protocols"].splitlines()}
    assert not any("NT LM 0.12" in line for line in spoken)
    short = {line.replace(":", "") for line in spoken}
    assert {"202", "210", "300", "302", "311"} <= short


def test_signing(answers: dict[str, str]) -> None:
    assert "Message signing enabled and required" in answers["smb2-security-mode"]


def test_signing_enabled_only(
    start_server: ServerFactory, make_namespace: Callable[[], str]
) -> None:
    peers.need("nmap")
    server = start_server(signing="enabled", namespace=make_namespace())
    assert "enabled but not required" in scan(server, 445)["smb2-security-mode"]


def test_capabilities(answers: dict[str, str]) -> None:
    by_dialect = re.split(r"\n  (?=\d)", answers["smb2-capabilities"])[1:]
    assert [part[:3] for part in by_dialect] == ["202", "210", "300", "302", "311"]
    assert "Multi-credit" not in by_dialect[0]


def test_multi_credit_on_direct_tcp(real_ports: RunningServer) -> None:
    peers.need("nmap")
    by_dialect = re.split(r"\n  (?=\d)", scan(real_ports, 445)["smb2-capabilities"])[1:]
    assert all("Multi-credit" in part for part in by_dialect[1:])


def test_time(answers: dict[str, str]) -> None:
    line = next(line for line in answers["smb2-time"].splitlines() if "date:" in line)
    stamp = line.split("date:")[1].strip().rstrip("Z")
    assert abs(timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) - time.time()) < 120
