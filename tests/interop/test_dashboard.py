"""The dashboard in a real Chromium: read, walked by keyboard, judged by axe-core, kept up to date.

The last part is the real watcher, a port this test opens, and a webhook.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.exposure.hosts import hostile
from tests.web.chromium import MODES, axe_source, chromium, page_of, violations
from tests.web.fake_view import NOW, FakeView, make_policy
from tests.web.screenshots import PAGES, look_at_host, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN_S = 20.0
"""How long anything may take on a busy machine."""
expect.set_options(timeout=WITHIN_S * 1000)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def axe() -> str:
    return axe_source()


@pytest.fixture
def view(tmp_path: Path) -> FakeView:
    return FakeView(make_policy(tmp_path))


@pytest_asyncio.fixture(loop_scope="module")
async def url(view: FakeView) -> AsyncIterator[str]:
    async with served(view) as found:
        yield found


async def goto(page: Page, place: str) -> None:
    """Open a page at the standing clock of the made-up watcher."""
    await page.clock.set_fixed_time(NOW)
    await page.goto(place)


@pytest.mark.parametrize("mode", MODES)
async def test_no_page_has_an_accessibility_violation(
    browser: Browser, url: str, axe: str, mode: str
) -> None:
    found: dict[str, list[str]] = {}
    async with page_of(browser, mode) as page:
        for name, path in PAGES.items():
            await goto(page, url + path)
            await page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            found[name] = await violations(page, axe)
            if name == "look":
                await look_at_host(page)
                found["looked"] = await violations(page, axe)
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize("mode", MODES)
async def test_the_login_and_the_refusals_have_none_either(
    browser: Browser, view: FakeView, axe: str, mode: str
) -> None:
    users = {"ops": "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA"}
    async with served(view, users=users) as url, page_of(browser, mode) as page:
        await goto(page, f"{url}/policy")
        await expect(page).to_have_title("Log in · nethood")
        assert await violations(page, axe) == []


async def test_axe_finds_what_is_wrong(browser: Browser, url: str, axe: str) -> None:
    async with page_of(browser) as page:
        await goto(page, url)
        await page.evaluate(
            "document.querySelector('main').innerHTML += '<img src=\"/static/icon.svg\">'"
        )
        assert [said.partition(":")[0] for said in await violations(page, axe)] == ["image-alt"]


async def test_no_page_is_wider_than_a_phone(browser: Browser, url: str) -> None:
    async with page_of(browser, "phone") as page:
        for name, path in PAGES.items():
            await goto(page, url + path)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, name


async def focused(page: Page) -> dict[str, Any]:
    """Return the text of the element that has the focus, and whether one sees that it has."""
    told: dict[str, Any] = await page.evaluate(
        """() => {
          const one = document.activeElement, style = getComputedStyle(one);
          const box = one.getBoundingClientRect();
          return {tag: one.tagName, id: one.id,
            text: (one.textContent || "").trim().replace(/\\s+/g, " "),
            seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
              && box.width > 0 && box.bottom > 0};
        }"""
    )
    return told


async def tab_to(page: Page, text: str, most: int = 60) -> list[str]:
    """Press Tab until an element with *text* has the focus; every stop must be seen."""
    stops = []
    for _ in range(most):
        await page.keyboard.press("Tab")
        told = await focused(page)
        assert told["seen"], told
        stops.append(told["text"] or told["id"])
        if text in (told["text"], told["id"]):
            return stops
    raise AssertionError(f"{text!r} can't be reached: {stops}")


async def test_everything_can_be_done_by_keyboard(
    browser: Browser, url: str, view: FakeView
) -> None:
    async with page_of(browser) as page:
        await goto(page, url)
        assert await tab_to(page, "Skip to the content") == ["Skip to the content"]
        await page.keyboard.press("Enter")
        stops = await tab_to(
            page, "Acknowledge desk-31.example, 445/tcp closed except from 10.20.0.0/16"
        )
        assert "Overview" not in stops, "the link led behind the navigation"
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/deviations/7")
        await tab_to(page, "by")
        await page.keyboard.type("Ops")
        await page.keyboard.press("Tab")
        await page.keyboard.type("on it")
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        await tab_to(page, "Acknowledge")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Acknowledged")).to_be_visible()
        await tab_to(page, "Look")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/look")
        await tab_to(page, "host")
        await page.keyboard.type("10.20.0.31")
        await page.keyboard.press("Enter")
        await expect(page.locator("#result-title")).to_be_visible()
    made = view.open[0].acknowledgement
    assert made is not None
    assert (made.by, made.note, made.until_unix) == ("Ops", "on it", NOW + 3600)


async def test_with_scripts_off_everything_is_there(
    browser: Browser, url: str, view: FakeView
) -> None:
    said = {
        "overview": "desk-31.example",
        "hosts": "printer-2.example",
        "host": "by Night shift: testing",
        "findings": "SMB1 is on",
        "alerts": "delivery uncertain",
        "policy": "445/tcp closed except from",
        "deviation": "accept",
        "acknowledged": "replaced in December",
        "look": "Host",
    }
    async with page_of(browser, java_script_enabled=False) as page:
        for name, path in PAGES.items():
            await page.goto(url + path)
            if name != "deviation":
                await expect(page.locator("main")).to_contain_text(said[name])
        await page.goto(f"{url}/hosts/10.20.0.31")
        bands = page.locator(".lane-bar .band")
        assert await bands.count() >= 5
        assert (await bands.nth(1).bounding_box() or {"width": 0})["width"] > 20
        await page.goto(f"{url}/look")
        await page.fill("#host", "10.20.0.31")
        await page.click("main form button")
        await expect(page.locator("#result-title")).to_be_visible()
        await page.goto(f"{url}/deviations/7")
        await page.fill("#by", "Ops")
        await page.get_by_role("button", name="Acknowledge").click()
        await expect(page.locator("main")).to_contain_text("It stays quiet until it is over")
    assert view.open[0].acknowledgement is not None


async def test_a_look_arrives_line_by_line(browser: Browser, url: str, view: FakeView) -> None:
    view.gate = asyncio.Event()
    async with page_of(browser) as page:
        await goto(page, f"{url}/look")
        await page.fill("#host", "10.20.0.31")
        await page.click("main form button")
        await expect(page.locator("#row-port-smb")).to_contain_text("open")
        await expect(page.locator("#row-netbios")).to_contain_text("waiting")
        await expect(page.locator("#progress")).to_have_text("asking …")
        view.gate.set()
        await expect(page.locator("#row-netbios")).to_contain_text("master browser")
        await expect(page.locator("#row-server")).to_contain_text("speaks SMB")
        await expect(page.locator("#result-title")).to_be_visible()
        await expect(page.locator("#said")).to_have_text("The look is done.")


async def test_what_a_hostile_host_says_stays_text(
    browser: Browser, url: str, view: FakeView
) -> None:
    view.answers = hostile()
    async with page_of(browser) as page:
        await goto(page, f"{url}/look")
        scripts = await page.locator("script").count()
        await look_at_host(page)
        await expect(page.locator("#result")).to_contain_text("<")
        assert await page.locator("script").count() == scripts
        assert await page.locator("#answers img, #result img, #result iframe").count() == 0


async def test_an_open_page_follows_and_keeps_the_focus(
    browser: Browser, url: str, view: FakeView
) -> None:
    async with page_of(browser) as page:
        await goto(page, url)
        await expect(page.locator("#liveness")).to_have_text("This page keeps itself up to date.")
        await page.locator("#to-8").focus()
        view.open = view.open[1:]
        view.publish()
        await expect(page).to_have_title(re.compile("^1 of "))
        await expect(page.locator("#deviation-7")).to_have_count(0)
        assert (await focused(page))["id"] == "to-8"
        await expect(page.locator("#said")).to_contain_text("1 of 840 expectations")


async def test_the_time_line_can_be_zoomed(browser: Browser, url: str) -> None:
    async with page_of(browser) as page:
        await goto(page, f"{url}/hosts/10.20.0.31")
        over = page.locator(".plot .u-over")
        box = await over.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 80)
        await expect(page.locator(".plot-said")).to_contain_text("445/tcp")
        await expect(page.locator(".plot-said")).to_contain_text("as expected")
        before = await page.locator(".plot canvas").evaluate("one => one.toDataURL()")
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 80, steps=4)
        await page.mouse.up()
        await page.wait_for_function(
            "before => document.querySelector('.plot canvas').toDataURL() !== before", arg=before
        )


# ---- The real watcher


@dataclass
class Webhook:
    """A receiver of alerts."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    arrived: Event = field(default_factory=Event)

    def kinds(self) -> list[str]:
        """Return what the alerts were about."""
        return [body["kind"] for body in self.bodies]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Listen for alerts on a port of this machine."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            hook.bodies.append(json.loads(self.rfile.read(size)))
            hook.arrived.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


@asynccontextmanager
async def watcher(folder: Path, port: int, hook: Webhook) -> AsyncIterator[str]:
    """Run `nethood watch` on one port of this machine, once a second; give the dashboard's URL."""
    policy = folder / "watch.toml"
    policy.write_text(
        f"""
every = "1s"
confirm_after = "0.2s"
[groups.lab]
targets = ["127.0.0.1:{port}"]
445 = "closed"
tell = ["hook"]
[alerts.hook]
kind = "webhook"
url = "{hook.url}"
[web]
listen = "127.0.0.1:0"
[state]
url = "sqlite:///{folder / "state.db"}"
"""
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nethood", "watch", str(policy),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WITHIN_S):
            said = ""
            while not (found := re.search(r"dashboard at (http://\S+)/", said)):
                line = await process.stdout.readline()
                assert line, said
                said += line.decode()
        yield found[1]
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0


async def later(page: Page) -> None:
    """Wait until the page says that everything was checked anew; several looks later."""
    time = page.locator("#heading time").first
    shown = await time.get_attribute("datetime")
    assert shown is not None
    await expect(time).not_to_have_attribute("datetime", shown, timeout=WITHIN_S * 1000)


async def test_a_port_that_opens_shows_up_and_alerts_once(browser: Browser, tmp_path: Path) -> None:
    port = await free_port()
    with webhook() as hook:
        async with watcher(tmp_path, port, hook) as url, page_of(browser) as page:
            await page.goto(url)
            await expect(page.locator("h1")).to_have_text("Everything is as it should be")
            assert hook.bodies == []

            began = asyncio.get_running_loop().time()
            opened = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", port)
            await expect(page.locator("h1")).to_have_text(
                "1 of 1 expectation is not as it should be"
            )
            await expect(page.locator(".card")).to_contain_text(f"port {port} is open")
            await asyncio.to_thread(hook.arrived.wait, WITHIN_S)
            # An interval of 1 s, the second look 0.2 s later, and a busy machine.
            assert asyncio.get_running_loop().time() - began < 5
            assert hook.kinds() == ["deviates"]
            assert hook.bodies[0]["subject"]["target"] == f"127.0.0.1:{port}"

            await page.get_by_role("link", name="Acknowledge").click()
            await page.fill("#by", "Ops")
            await page.get_by_role("button", name="Acknowledge").click()
            await expect(page.get_by_role("heading", name="Acknowledged")).to_be_visible()
            await page.goto(url)
            await expect(page.locator("h1")).to_have_text("Nothing new")
            await later(page)
            assert hook.kinds() == ["deviates"], "acknowledged, it stays quiet"

            opened.close()
            await opened.wait_closed()
            await expect(page.locator("h1")).to_have_text("Everything is as it should be")
            await page.goto(f"{url}/hosts/127.0.0.1:{port}")
            await expect(page.locator("main")).to_contain_text("holds again")


async def test_a_look_at_this_machine_by_the_real_watcher(browser: Browser, tmp_path: Path) -> None:
    port = await free_port()
    with webhook() as hook:
        async with watcher(tmp_path, port, hook) as url, page_of(browser) as page:
            await page.goto(f"{url}/look")
            await page.fill("#host", f"127.0.0.1:{port}")
            await page.click("main form button")
            await expect(page.locator("#row-port-smb")).to_contain_text("closed")
            await expect(page.locator("#result-title")).to_be_visible(timeout=30_000)
            await page.fill("#host", "8.8.8.8")
            async with page.expect_response(re.compile(r"/look/")) as answered:
                await page.click("main form button")
            await answered.value
            await expect(page.get_by_role("alert")).to_contain_text("public")
