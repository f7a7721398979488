"""Looking at a host from the page: what is refused, what is shown, who sees it."""

from __future__ import annotations

import asyncio

import pytest

from nethood.web.looks import MOST_KEPT, PER_SESSION_AND_MINUTE, Looks
from tests.exposure.hosts import hostile, silence
from tests.web.conftest import Browser, Open
from tests.web.fake_view import FakeView


def test_without_scripts_the_form_waits_and_shows_everything(
    browser: Browser, view: FakeView
) -> None:
    answer = browser.post("/look", token=browser.token(), host=" 10.20.0.31 ")
    assert answer.status_code == 303
    assert view.examined == ["10.20.0.31"]
    text = browser.get(answer.headers["location"]).text
    assert "445/tcp SMB" in text
    assert "NetBIOS name table" in text
    assert "master browser" in text
    assert "speaks SMB" in text
    assert "SMB1 is on" in text
    assert "What that means" in text
    assert "http-equiv" not in text


@pytest.mark.parametrize(
    "text", ["", "  ", "@/etc/passwd", "x" * 400, "a\x00b", "10.0.0.1\n10.0.0.2"]
)
def test_what_is_no_host_is_not_asked(browser: Browser, view: FakeView, text: str) -> None:
    answer = browser.post("/look", token=browser.token(), host=text)
    assert answer.status_code == 400
    assert "Enter one host" in answer.text
    assert view.examined == []


def test_what_the_watcher_refuses_is_said(browser: Browser) -> None:
    answer = browser.post("/look", token=browser.token(), host="public.example")
    shown = browser.get(answer.headers["location"])
    assert "public.example is public" in shown.text


def test_a_look_belongs_to_its_session(browser: Browser, open_browser: Open) -> None:
    place = browser.post("/look", token=browser.token(), host="10.20.0.31").headers["location"]
    assert browser.get(place).status_code == 200
    other = open_browser(desk_of=browser)
    assert other.get(place).status_code == 404
    assert other.get(f"{place}/events").status_code == 404


def test_one_at_a_time(browser: Browser, view: FakeView) -> None:
    view.gate = asyncio.Event()
    token = browser.token()
    first = browser.post("/look", token=token, host="10.20.0.31", live="1")
    assert first.status_code == 303
    page = browser.get(first.headers["location"]).text
    assert 'data-look="/look/' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    second = browser.post("/look", token=token, host="10.20.0.32", live="1")
    assert second.status_code == 429
    assert "One host at a time" in second.text
    assert browser.client.portal is not None
    browser.client.portal.call(view.gate.set)
    assert browser.post("/look", token=token, host="10.20.0.33").status_code in (303, 429)


def test_so_many_a_minute(browser: Browser, view: FakeView) -> None:
    token = browser.token()
    for _ in range(PER_SESSION_AND_MINUTE):
        assert browser.post("/look", token=token, host="10.20.0.31").status_code == 303
    answer = browser.post("/look", token=token, host="10.20.0.31")
    assert answer.status_code == 429
    assert "Try again in 60 s" in answer.text
    assert len(view.examined) == PER_SESSION_AND_MINUTE
    browser.clock.now += 61
    assert browser.post("/look", token=token, host="10.20.0.31").status_code == 303


def test_a_new_session_is_no_way_round_the_limit(browser: Browser, view: FakeView) -> None:
    for _ in range(60):
        browser.client.cookies.clear()
        browser.post("/look", token=browser.token(), host="10.20.0.31")
    assert len(view.examined) == 30


def test_a_silent_host_and_a_hostile_one_are_shown(browser: Browser, view: FakeView) -> None:
    for report, said in ((silence(), "did not answer at all"), (hostile(), "&lt;")):
        view.answers = report
        answer = browser.post("/look", token=browser.token(), host="10.20.0.31")
        text = browser.get(answer.headers["location"]).text
        assert said in text
        assert "<script>alert" not in text


async def test_old_looks_are_forgotten(view: FakeView) -> None:
    now = [0.0]
    looks = Looks(view, lambda: now[0])
    first = looks.begin("10.20.0.1", "a")
    await first.end(5)
    for n in range(MOST_KEPT + 5):
        now[0] += 61
        await looks.begin(f"10.20.0.{n}", "a").end(5)
    assert looks.find(first.id, "a") is None
    assert len(looks._looks) <= MOST_KEPT + 1


async def test_closing_stops_a_look(view: FakeView) -> None:
    view.gate = asyncio.Event()
    looks = Looks(view, lambda: 0.0)
    look = looks.begin("10.20.0.1", "a")
    while not look.answers:
        await look.news(1)
    await looks.close()
    assert look.is_over
    assert look.problem == "the look was stopped"
