"""A real browser, and axe-core to judge what it shows; both come from elsewhere.

axe-core (MPL-2.0) is not part of this project: npm fetches it once into a cache folder.
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.interop import peers

AXE = "axe-core@4.14.1"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nethood-tests"
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_RUN = """
;axe.run(document, {resultTypes: ["violations"]}).then((result) => JSON.stringify(
  result.violations.map((one) =>
    one.id + ": " + one.nodes.map((node) => node.html.slice(0, 160)).join(" | "))));
"""
MODES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 800}},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 360, "height": 740},
        "is_mobile": True,
        "has_touch": True,
    },
}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Give Debian's Chromium; skip the test where there is none."""
    program = peers.which("chromium")
    if program is None:
        peers.missing("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(browser: Browser, mode: str = "light", **more: Any) -> AsyncIterator[Page]:
    """Give a page of its own; what its console complains of fails the test at the end."""
    context: BrowserContext = await browser.new_context(**{**MODES[mode], **more})
    context.set_default_timeout(15_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


def axe_source() -> str:
    """Return the program of axe-core, fetched by npm the first time; skip the test without."""
    file = _CACHE / f"{AXE}.min.js"
    if not file.exists():
        _fetch_axe(file)
    return file.read_text(encoding="utf-8")


def _fetch_axe(file: Path) -> None:
    npm = peers.which("npm")
    if npm is None:
        peers.missing("npm is not installed: axe-core can't be fetched")
    with tempfile.TemporaryDirectory() as folder:
        ran = peers.run([str(npm), "pack", "--silent", AXE], 120, cwd=Path(folder))
        packed = next(Path(folder).glob("*.tgz"), None)
        if ran.status or packed is None:
            peers.missing(f"npm can't fetch {AXE}: {ran.output.strip()[-200:]}")
        else:
            with tarfile.open(packed) as archive:
                found = archive.extractfile("package/axe.min.js")
                assert found is not None
                _store(file, found.read())


def _store(file: Path, data: bytes) -> None:
    """Write the file whole or not at all: tests may run side by side."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}")
    part.write_bytes(data)
    part.rename(file)


async def violations(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds wrong with the page as it is now, best practices included."""
    # Evaluated by the debugger: the page's own policy allows no such script.
    found = await page.evaluate(axe + _RUN)
    said: list[str] = json.loads(found)
    return said
