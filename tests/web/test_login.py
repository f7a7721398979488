"""The login: who gets in, how often one may try, what a session is worth."""

from __future__ import annotations

import pytest

from nethood.web.login import local_place
from nethood.web.sessions import SESSION_S
from tests.web.conftest import PAGES, PASSWORD, Browser, Open
from tests.web.fake_view import FakeView


@pytest.mark.parametrize("path", [*PAGES, "/events", "/look/abc", "/look/abc/events", "/nowhere"])
def test_without_login_there_is_nothing_but_the_login(guarded: Browser, path: str) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")
    assert "10.20.0.31" not in answer.text


def test_without_login_no_form_is_taken(guarded: Browser, view: FakeView) -> None:
    token = guarded.token("/login")
    assert guarded.post("/look", token=token, host="10.20.0.31").status_code == 403
    assert guarded.post("/deviations/7", token=token, by="x", until="end").status_code == 403
    assert view.examined == []
    assert view.open[0].acknowledgement is None


def test_the_login_page_tells_nothing_and_warns_of_a_clear_connection(guarded: Browser) -> None:
    text = guarded.get("/login").text
    assert "isn't encrypted" in text.replace("&#39;", "'")
    assert "10.20.0" not in text
    assert "/hosts" not in text


def test_name_and_password_let_in_and_lead_on(guarded: Browser) -> None:
    answer = guarded.log_in(next="/hosts?q=desk")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/hosts?q=desk"
    assert guarded.get("/").status_code == 200
    assert "ops" in guarded.get("/").text


@pytest.mark.parametrize(
    ("name", "password"),
    [("ops", "wrong horse battery"), ("nobody", PASSWORD), ("", ""), ("ops", PASSWORD + "x")],
)
def test_anything_else_does_not(guarded: Browser, name: str, password: str) -> None:
    answer = guarded.log_in(name, password)
    assert answer.status_code == 403
    assert "don't fit" in answer.text.replace("&#39;", "'")
    assert guarded.get("/").status_code == 303


def test_the_session_before_the_login_is_worth_nothing_after_it(guarded: Browser) -> None:
    guarded.get("/login")
    before = guarded.client.cookies["nethood"]
    assert guarded.log_in().status_code == 303
    assert guarded.client.cookies["nethood"] != before
    guarded.client.cookies.set("nethood", before, domain="192.0.2.7")
    guarded.client.cookies.clear()
    assert guarded.get("/", headers={"Cookie": f"nethood={before}"}).status_code == 303


def test_logging_out_ends_the_session_for_every_copy_of_the_cookie(guarded: Browser) -> None:
    guarded.log_in()
    copy = guarded.client.cookies["nethood"]
    answer = guarded.post("/logout", token=guarded.token("/"))
    assert answer.headers["location"] == "/login"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    guarded.client.cookies.clear()
    assert guarded.get("/", headers={"Cookie": f"nethood={copy}"}).status_code == 303


def test_a_session_ends_by_itself(guarded: Browser) -> None:
    guarded.log_in()
    guarded.clock.now += SESSION_S - 1
    assert guarded.get("/").status_code == 200
    guarded.clock.now += 2
    assert guarded.get("/").status_code == 303


def test_a_forged_cookie_is_worth_nothing(
    guarded: Browser, open_browser: Open, ops_hash: str
) -> None:
    other = open_browser("http://192.0.2.7:8137", address="192.0.2.7", users={"ops": ops_hash})
    other.log_in()
    foreign = other.client.cookies["nethood"]
    guarded.log_in()
    own = guarded.client.cookies["nethood"]
    guarded.client.cookies.clear()
    head, _, signature = own.rpartition(".")
    for value in (foreign, head, f"{head}.", f"{head[:-1]}A.{signature}", "x" * 5000, '"', "a=b;;"):
        assert guarded.get("/", headers={"Cookie": f"nethood={value}"}).status_code == 303
    assert guarded.get("/", headers={"Cookie": f"nethood={own}"}).status_code == 200


def test_guessing_has_to_wait(guarded: Browser, open_browser: Open) -> None:
    token = guarded.token("/login")
    answers = [guarded.post("/login", token=token, name="ops", password=str(n)) for n in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert guarded.log_in().status_code == 429, "the right password has to wait as well"
    elsewhere = open_browser("http://192.0.2.7:8137", "192.0.2.50", desk_of=guarded)
    assert elsewhere.log_in().status_code == 303, "others don't"
    guarded.clock.now += 3
    assert guarded.log_in().status_code == 303


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "",
        "/\r\nSet-Cookie: a=b",
        "/login",
    ],
)
def test_the_login_leads_to_no_other_site(place: str) -> None:
    assert local_place(place) == "/"


def test_a_deviation_is_acknowledged_in_the_name_of_who_logged_in(
    guarded: Browser, view: FakeView
) -> None:
    guarded.log_in()
    guarded.post("/deviations/7", token=guarded.token(), by="somebody else", until="end")
    made = view.open[0].acknowledgement
    assert made is not None
    assert made.by == "ops"
