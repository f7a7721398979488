"""Nothing changes but by a form of this dashboard, made for this session."""

from __future__ import annotations

import pytest
from starlette.routing import Route

from tests.web.conftest import PAGES, Browser, Open
from tests.web.fake_view import FakeView


def posting_paths(browser: Browser) -> list[str]:
    """Return every path of the application that takes a POST."""
    paths = [
        route.path
        for route in browser.client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, Route) and "POST" in (route.methods or ())
    ]
    return [path.replace("{deviation_id}", "7") for path in paths]


FIELDS = {"host": "10.20.0.31", "by": "Ops", "until": "end", "name": "ops", "password": "x"}


def test_every_form_needs_the_token_of_its_session(
    browser: Browser, open_browser: Open, view: FakeView
) -> None:
    paths = posting_paths(browser)
    assert len(paths) >= 4
    stolen = open_browser().token()
    other = open_browser(desk_of=browser).token()
    for path in paths:
        for token in ("", "x", "é", stolen, other):
            answer = browser.post(path, token=token, **FIELDS)
            assert answer.status_code == 403, path
            assert "another session" in answer.text
    assert view.examined == []
    assert all(one.acknowledgement is None or one.id == 5 for one in view.open)


def test_with_its_token_a_form_is_taken(browser: Browser, view: FakeView) -> None:
    answer = browser.post("/deviations/7", token=browser.token(), **FIELDS)
    assert answer.status_code == 303
    assert view.open[0].acknowledgement is not None


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_other_kinds_of_content_are_no_form(browser: Browser, view: FakeView, kind: str) -> None:
    body = f"token={browser.token()}&host=10.20.0.31"
    answer = browser.client.post("/look", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert view.examined == []


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&".join([b"a=b"] * 50)])
def test_what_can_not_be_read_is_no_form(browser: Browser, body: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.client.post("/look", content=body, headers=kind).status_code == 400


def test_reading_changes_nothing(browser: Browser, view: FakeView) -> None:
    before = list(view.open)
    for path in (*PAGES, "/look?host=10.20.0.31", "/deviations/7?by=Ops&until=end"):
        assert browser.get(path).status_code == 200
    assert browser.get("/logout").status_code == 405
    assert view.open == before
    assert view.examined == []
