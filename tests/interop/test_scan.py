"""`nethood scan` and `nethood ping` in a namespace where our own server has ports 445 and 139."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.interop import peers
from tests.interop.server import RunningServer

pytestmark = pytest.mark.interop


def nethood(server: RunningServer, folder: Path, *words: str) -> tuple[int, str]:
    """Run a command beside the server; return its exit status and all it said."""
    ran = peers.run(
        [sys.executable, "-m", "nethood", *words],
        60,
        namespace=server.options.namespace,
        env={"XDG_STATE_HOME": str(folder)},
    )
    return ran.status, ran.output


@pytest.fixture(scope="module")
def found(real_ports: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a scan of three addresses wrote as JSON and CSV, and said."""
    folder = tmp_path_factory.mktemp("scan")
    words = ["127.0.0.1-3", "--json", str(folder / "json"), "--csv", str(folder / "csv")]
    status, said = nethood(real_ports, folder, "scan", *words, "--fail-on", "critical")
    assert status == 0, said
    *hosts, summary = map(json.loads, (folder / "json").read_text().splitlines())
    rows = list(csv.reader(io.StringIO((folder / "csv").read_text())))
    by_address = {host["address"]: host for host in hosts}
    return {"hosts": by_address, "summary": summary, "rows": rows, "said": said}


def test_who_was_found(found: dict[str, Any], real_ports: RunningServer) -> None:
    assert real_ports.host in found["hosts"]
    assert found["summary"]["hosts"] == len(found["hosts"])
    assert f"{len(found['hosts'])} host" in found["said"]
    assert "found, 3 addresses asked" in found["said"]


def test_what_was_found(found: dict[str, Any], real_ports: RunningServer) -> None:
    report = found["hosts"][real_ports.host]["report"]
    assert report["ports"]["tcp/445"]["value"]["state"] == "open"
    assert report["ports"]["tcp/139"]["value"]["state"] == "open"
    assert report["ports"]["udp/137"]["value"]["state"] == "closed"
    assert report["netbios"]["unknown"] == "udp/137 is closed"
    assert report["session_service"]["value"]["accepted"]
    assert report["server"]["value"]["signing"] == "required"
    assert not report["smb1"]["value"]["enabled"]
    spoken = [d["name"] for d in report["dialects"]["value"] if d["supported"]]
    assert spoken == ["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"]


def test_an_exit_status_for_a_nightly_job(real_ports: RunningServer, tmp_path: Path) -> None:
    words = ["scan", real_ports.host, "--no-progress", "--fail-on"]
    assert nethood(real_ports, tmp_path, *words, "info")[0] == 1
    assert nethood(real_ports, tmp_path, *words, "critical")[0] == 0


def test_ping(real_ports: RunningServer, tmp_path: Path) -> None:
    words = ["--count", "2", "--interval", "0.01"]
    status, said = nethood(real_ports, tmp_path, "ping", real_ports.host, *words)
    assert status == 0
    assert f"{real_ports.host} port 445 open in " in said
    assert nethood(real_ports, tmp_path, "ping", f"{real_ports.host}:446", *words)[0] == 1
