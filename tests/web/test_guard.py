"""What every request has to pass, and every answer carries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nethood.web.guard import LONGEST_BODY
from tests.web.conftest import PAGES, Browser, Open
from tests.web.fake_view import FakeView


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8137", "127.9.9.9:80", "[::1]:8137", "localhost:9", "LOCALHOST."],
)
def test_this_machine_by_its_own_names(browser: Browser, host: str) -> None:
    assert browser.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",  # a name that an attacker had resolve to 127.0.0.1
        "evil.example:8137",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil@127.0.0.1",
        "192.0.2.7",  # without a login nothing but loopback
        "",
        "[",
        "127.0.0.1, evil.example",
    ],
)
def test_another_host_name_is_refused(browser: Browser, host: str) -> None:
    answer = browser.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "expectations" not in answer.text


def test_two_host_headers_are_refused(browser: Browser) -> None:
    answer = browser.client.get("/", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")])
    assert answer.status_code == 421


def test_with_a_login_addresses_and_known_names_are_served(
    open_browser: Open, ops_hash: str
) -> None:
    browser = open_browser(users={"ops": ops_hash}, names=frozenset({"watch.example"}))
    for host, status in (("192.0.2.7", 303), ("Watch.Example:443", 303), ("evil.example", 421)):
        assert browser.get("/", headers={"Host": host}).status_code == status


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_without_a_login_is_refused(browser: Browser, header: str) -> None:
    answer = browser.get("/", headers={header: "203.0.113.9"})
    assert answer.status_code == 403
    assert "no login" in answer.text


def test_a_proxy_with_a_login_is_served(guarded: Browser) -> None:
    assert guarded.get("/login", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},  # another program on this machine
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused(
    browser: Browser, view: FakeView, headers: dict[str, str]
) -> None:
    token = browser.token()
    answer = browser.post("/look", headers, token=token, host="10.20.0.31")
    assert answer.status_code == 403
    assert view.examined == []
    fine = {"Origin": "http://127.0.0.1:8137", "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/look", fine, token=token, host="10.20.0.31").status_code == 303
    assert view.examined == ["10.20.0.31"]


def test_a_large_form_is_refused(browser: Browser, view: FakeView) -> None:
    token = browser.token()
    answer = browser.post("/look", token=token, host="x" * LONGEST_BODY)
    assert answer.status_code == 413
    assert view.examined == []
    announced = {"Content-Length": str(LONGEST_BODY + 1)}
    assert browser.get("/", headers=announced).status_code == 413, "before anything is read"
    assert browser.get("/", headers={"Content-Length": "-1"}).status_code == 400


def test_a_large_form_without_a_length_is_refused(browser: Browser, view: FakeView) -> None:
    token = browser.token()

    def body() -> Iterator[bytes]:
        yield f"token={token}&host=".encode()
        for _ in range(20):
            yield b"x" * 1024

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.client.post("/look", content=body(), headers=kind)
    assert answer.status_code == 413
    assert view.examined == []


def test_a_long_address_is_refused(browser: Browser) -> None:
    assert browser.get("/hosts?q=" + "x" * 3000).status_code == 414


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(browser: Browser, method: str) -> None:
    assert browser.client.request(method, "/").status_code == 405


EVERYWHERE = (*PAGES, "/nowhere", "/static/dashboard.css", "/static/report.css", "/login")


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_carries_the_headers(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    policy = answer.headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["form-action"] == "'self'"
    assert "unsafe" not in policy
    assert "*" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    if not path.startswith("/static/"):
        assert answer.headers["cache-control"] == "no-store"


def test_refusals_carry_the_headers_too(browser: Browser, guarded: Browser) -> None:
    for answer in (
        browser.get("/", headers={"Host": "evil.example"}),
        browser.post("/look", host="10.20.0.31"),
        guarded.get("/"),
    ):
        assert answer.status_code in (303, 403, 421)
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_nothing_the_policy_would_block(browser: Browser, path: str) -> None:
    text = browser.get(path).text
    assert "<style" not in text
    assert " style=" not in text
    assert "javascript:" not in text
    assert " onclick" not in text
    for part in text.split("<script")[1:]:
        assert part.startswith(' src="/static/'), part[:80]


def test_cookies_can_not_be_read_by_scripts_or_sent_by_other_sites(
    browser: Browser, open_browser: Open, ops_hash: str
) -> None:
    cookie = browser.get("/").headers["set-cookie"]
    assert cookie.startswith("nethood=")
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert "; Path=/" in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    behind = open_browser(
        "https://watch.example",
        users={"ops": ops_hash},
        behind_https=True,
        names=frozenset({"watch.example"}),
    )
    answer = behind.get("/login")
    assert answer.headers["set-cookie"].startswith("__Host-nethood=")
    assert answer.headers["set-cookie"].endswith("; Secure")
    assert "max-age=" in answer.headers["strict-transport-security"]
    assert "strict-transport-security" not in browser.get("/").headers


def test_a_link_on_another_site_leads_to_the_page_with_the_session(guarded: Browser) -> None:
    """The browser keeps the cookie back once; the session must not be replaced by that."""
    assert guarded.log_in().status_code == 303
    kept = dict(guarded.client.cookies)
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Cookie": ""}
    answer = guarded.get("/deviations/7?x=1&y=%22", headers=elsewhere)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert 'content="0;url=/deviations/7?x=1&amp;y=%22"' in answer.text
    assert dict(guarded.client.cookies) == kept
    assert guarded.get("/deviations/7").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/;url=//evil.example", '/"><script>'])
def test_that_page_leads_nowhere_else(browser: Browser, path: str) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answer = browser.client.request(
        "GET", f"http://127.0.0.1:8137{path}", headers=elsewhere, follow_redirects=False
    )
    assert "<script" not in answer.text
    assert "0;url=//" not in answer.text
    assert ";url=//evil" not in answer.text
    assert 'href="//' not in answer.text
