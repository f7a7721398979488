"""Which ports `nethood serve` opens for the neighbourhood, and that it opens none unasked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop import nbt_wire as net
from tests.interop import peers
from tests.interop.lan import announced, cable

NETBIOS = {("udp", 137), ("udp", 138)}
DISCOVERY = {("udp", 3702), ("udp", 5353), ("tcp", 5357)}
CONFIG = """[server]
name = "attic"
workgroup = "house"
[netbios]
interfaces = ["lan0"]
"""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def namespace(make_namespace: Callable[[], str]) -> str:
    """A host with a neighbour on a cable."""
    peers.need("ip")
    host, other = make_namespace(), make_namespace()
    cable(host, other)
    return host


def open_ports(namespace: str) -> set[tuple[str, int]]:
    """Return every UDP port that is bound in a namespace, and TCP port that is listened on."""
    found: set[tuple[str, int]] = set()
    for kind, states in (("udp", {"07", "01"}), ("tcp", {"0A"})):
        tables = [f"/proc/net/{kind}", f"/proc/net/{kind}6"]
        ran = peers.run(["cat", *tables], 10, namespace=namespace)
        assert ran.status == 0, ran.output
        rows = re.findall(r"^ *\d+: [0-9A-F]+:([0-9A-F]{4}) \S+ ([0-9A-F]{2})", ran.output, re.M)
        found |= {(kind, int(port, 16)) for port, state in rows if state in states}
    return found


@pytest.mark.parametrize(
    ("options", "opened"),
    [
        ([], DISCOVERY),
        (["--netbios"], DISCOVERY | NETBIOS),
        (["--no-discovery"], set()),
        (["--netbios", "--no-discovery"], NETBIOS),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_what_is_open(
    namespace: str, tmp_path: Path, options: list[str], opened: set[tuple[str, int]]
) -> None:
    env = {"RUNTIME_DIRECTORY": str(tmp_path)}
    with net.serving(namespace, tmp_path / "host", CONFIG, *options, env=env) as server:
        if "--netbios" in options:
            server.wait_for(net.event("netbios"), 30)
        if "--no-discovery" not in options:
            for method in ("ws-discovery", "mdns"):
                server.wait_for(announced(method), 30)
        assert open_ports(namespace) == opened | {("tcp", 139), ("tcp", 445)}
    assert open_ports(namespace) == set()
