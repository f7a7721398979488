"""Scan the real servers of the interoperability tests and take docs/screenshots/scan-report.png.

Run from the project's folder as root: python -m scripts.scan_screenshot. It takes Samba, impacket
and Chromium.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.interop import scan_lab

PICTURE = Path("docs/screenshots/scan-report.png")
SIZE = "1280,1500"


def main() -> None:
    """Build the network, scan it, render the report."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        made: list[str] = []

        def make_namespace() -> str:
            name = f"picture-{os.getpid()}-{len(made)}"
            made.append(name)
            subprocess.run(["ip", "netns", "add", name], check=True)
            stack.callback(subprocess.run, ["ip", "netns", "delete", name], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
            return name

        report = Path(folder) / "report.html"
        with scan_lab.running(make_namespace, Path(folder)) as lab:
            targets = [expected.address for expected in scan_lab.TABLE.values()]
            words = ["--guest", "--timeout", "20", "--html", str(report)]
            ran = lab.nethood(Path(folder), "scan", *targets, *words)
        if ran.status:
            sys.exit(ran.output)
        _render(report)


def _render(report: Path) -> None:
    command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars"]
    command += [f"--window-size={SIZE}", f"--screenshot={PICTURE.resolve()}", report.as_uri()]
    PICTURE.parent.mkdir(exist_ok=True)
    subprocess.run(command, check=True, capture_output=True, timeout=60)


if __name__ == "__main__":
    main()
