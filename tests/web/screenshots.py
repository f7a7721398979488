"""Pictures of every page for docs/: `python -m tests.web.screenshots docs/screenshots`."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, FloatRect, Page

from nethood.web import Settings
from nethood.web.accounts import user_line
from nethood.web.serving import serve
from tests.web.chromium import chromium, page_of
from tests.web.fake_view import NOW, FakeView, make_policy

PAGES = {
    "overview": "/",
    "hosts": "/hosts",
    "host": "/hosts/10.20.0.31",
    "findings": "/findings",
    "alerts": "/alerts",
    "policy": "/policy",
    "deviation": "/deviations/7",
    "acknowledged": "/deviations/5",
    "look": "/look",
}
TAKEN = {
    "light": {*PAGES, "looked", "login"},
    "dark": {"overview", "host"},
    "phone": {"overview", "hosts", "looked"},
}
MOST_HEIGHT = 1500
"""Of a long page the beginning is enough."""


@asynccontextmanager
async def served(view: FakeView, **options: Any) -> AsyncIterator[str]:
    """Serve the made-up watcher at a standing clock; give the URL without its last slash."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    settings = Settings(names=frozenset({"localhost"}), now=lambda: NOW, **options)
    task = asyncio.create_task(serve(view, settings, 0, ready.set_result))
    task.add_done_callback(lambda _: ready.cancel())
    try:
        yield (await ready).rstrip("/")
    finally:
        task.cancel()
        await asyncio.wait({task})


async def look_at_host(page: Page) -> None:
    """Fill in the form of the page "look" and wait until all is there."""
    await page.fill("#host", "10.20.0.31")
    await page.click("main form button")
    await page.wait_for_selector("#result-title")
    await page.wait_for_url(re.compile(r"/look/.+"))


async def _pictures(browser: Browser, url: str, login_url: str, folder: Path) -> None:
    for mode, taken in TAKEN.items():
        async with page_of(browser, mode) as page:
            await page.clock.set_fixed_time(NOW)
            for name, path in {**PAGES, "login": f"{login_url}/login"}.items():
                await page.goto(path if path.startswith("http") else url + path)
                if name in taken:
                    await _take(page, folder / f"dashboard-{name}-{mode}.png")
                if name == "look" and "looked" in taken:
                    await look_at_host(page)
                    await _take(page, folder / f"dashboard-looked-{mode}.png")


async def _take(page: Page, file: Path) -> None:
    await page.wait_for_load_state("load")
    await page.mouse.move(0, 0)
    size = await page.evaluate("(({scrollWidth: w, scrollHeight: h}) => [w, h])(document.body)")
    area = FloatRect(x=0, y=0, width=size[0], height=min(size[1], MOST_HEIGHT))
    await page.screenshot(path=file, full_page=True, clip=area, animations="disabled")
    print(file)


async def main(folder: Path) -> None:
    """Write a picture of each page, light, dark and at phone width."""
    with tempfile.TemporaryDirectory() as place:
        view = FakeView(make_policy(Path(place)))
        users = {"ops": user_line("ops", "correct horse battery").partition(":")[2]}
        async with (
            served(view) as url,
            served(view, users=users) as login_url,
            chromium() as browser,
        ):
            await _pictures(browser, url, login_url, folder)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1])))
