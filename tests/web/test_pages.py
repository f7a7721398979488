"""What the pages say, and that nothing a host says can do more than be read."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

import pytest

from nethood.exposure.watch.database import StoreError
from nethood.exposure.watch.records import Acknowledgement, DeliveryState, Overview, Phase
from nethood.web.pages import headline_of, warnings_of
from nethood.web.rendering import place_of
from tests.exposure.hosts import hostile
from tests.web.conftest import PAGES, Browser
from tests.web.fake_view import DAY, NOW, FakeView, line

VOID = {"meta", "link", "br", "hr", "img", "input", "circle", "rect", "wbr", "line"}
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e\x00{{7*7}}"


class Page(HTMLParser):
    """The tags of a page, checked for balance; its ids and links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/hosts?q=nothing", "/hosts?group=servers"])
def test_a_page_is_well_formed_and_its_ids_are_its_own(browser: Browser, path: str) -> None:
    page = Page(browser.get(path).text)
    assert page.tags.count("h1") == 1
    assert len(page.ids) == len(set(page.ids))
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert set(inside) <= set(page.ids)


def test_every_link_leads_to_a_page(browser: Browser) -> None:
    links = {link for path in PAGES for link in Page(browser.get(path).text).links}
    local = sorted(link for link in links if link.startswith("/"))
    assert len(local) > 30
    for link in local:
        assert browser.get(link.partition("#")[0]).status_code == 200, link


def test_the_overview_says_what_is_and_what_is_not(browser: Browser) -> None:
    text = browser.get("/").text
    assert "2 of 840 expectations are not as they should be" in text
    assert "desk-31.example" in text
    assert "port 445 is open" in text
    assert "Ops" in text
    assert "1 delivery is uncertain, 1 has failed" in text


def overview(**numbers: Any) -> Overview:
    """Return an overview in which all is well but what *numbers* say."""
    plain = Overview(NOW, 10, 30, 0, 0, 0, 0, 0, 300.0, NOW - 40, NOW - 3, [], [])
    return replace(plain, **numbers)


@pytest.mark.parametrize(
    ("numbers", "tone", "said"),
    [
        ({}, "good", "Everything is as it should be"),
        ({"fine": 29, "deviating": 1}, "bad", "1 of 30 expectations is not as it should be"),
        ({"fine": 28, "deviating": 2, "acknowledged": 2}, "warn", "Nothing new"),
        ({"fine": 29, "unknown": 1}, "warn", "Nothing is open that should be closed"),
        ({"fine": 0, "not_looked_at": 30}, "dim", "The first round is under way"),
        ({"targets": 0}, "dim", "No targets yet"),
    ],
)
def test_the_headline(numbers: dict[str, int], tone: str, said: str) -> None:
    headline = headline_of(overview(**numbers))
    assert (headline.tone, headline.sentence) == (tone, said)


def test_a_watcher_that_stopped_is_said() -> None:
    assert warnings_of(overview(), NOW) == []
    assert "no sign of life" in warnings_of(overview(watching_unix=NOW - 4000), NOW)[0]
    assert "No watcher" in warnings_of(overview(watching_unix=None), NOW)[0]
    assert "last whole round" in warnings_of(overview(last_round_unix=NOW - 4000), NOW)[0]


def test_a_host_shows_its_expectations_its_history_and_its_findings(browser: Browser) -> None:
    text = browser.get("/hosts/10.20.0.31").text
    assert "desk-31.example" in text
    assert "445/tcp closed except from 10.20.0.0/16" in text
    assert "by Night shift: testing" in text
    assert "The NetBIOS session service (TCP 139) is open" in text
    assert "Fix on Windows" in text
    assert "not as expected from 2026-11-17 13:00 UTC to 2026-11-18 03:24 UTC" in text


def test_the_time_shown_is_chosen(browser: Browser) -> None:
    assert "From <time" in browser.get("/hosts/10.20.0.31?span=day").text
    assert "2026-11-20 01:00 UTC" in browser.get("/hosts/10.20.0.31?span=day").text
    assert "2026-10-22 01:00 UTC" in browser.get("/hosts/10.20.0.31?span=month").text
    assert browser.get("/hosts/10.20.0.31?span=nonsense").status_code == 200


def test_a_target_with_a_port_has_a_page(browser: Browser, view: FakeView) -> None:
    view.host_lines.append(line("[::1]:4450", "", Phase.FINE, NOW - 5))
    assert browser.get(place_of("[::1]:4450")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/hosts/10.99.0.1", "/hosts/", "/deviations/999", "/deviations/x"]
)
def test_what_is_not_watched_is_not_found(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "Overview" in answer.text


def test_hosts_are_found_by_name_group_and_page(browser: Browser, view: FakeView) -> None:
    assert "desk-31" in browser.get("/hosts?q=desk").text
    assert "printer-2" not in browser.get("/hosts?q=desk").text
    assert "192.168.7.12" not in browser.get("/hosts?group=office").text
    assert "No host fits" in browser.get("/hosts?q=nobody").text
    view.host_lines += [
        line(f"10.21.{n // 200}.{n % 200}", "", Phase.FINE, NOW) for n in range(300)
    ]
    assert "Page 1 of 4" in browser.get("/hosts").text
    last = browser.get("/hosts?page=4").text
    assert "Page 4 of 4" in last
    assert 'rel="next"' not in last
    for number in ("0", "-1", "x", "99999999999", "²"):
        assert browser.get(f"/hosts?page={number}").status_code == 200


def test_findings_name_the_hosts_they_are_true_of(browser: Browser) -> None:
    text = browser.get("/findings").text
    assert 'id="smb1-enabled"' in text
    assert "192.168.7.12" in text.partition('id="smb1-enabled"')[2].partition("</article>")[0]
    assert "What breaks:" in text


def test_alerts_say_what_became_of_them(browser: Browser) -> None:
    text = browser.get("/alerts").text
    for word in ("delivery uncertain", "failed", "sent", "pending", "no such mailbox"):
        assert word in text


def test_the_policy_is_shown_as_understood(browser: Browser, view: FakeView) -> None:
    text = browser.get("/policy").text
    assert "/etc/nethood/watch.toml" in text
    assert "10.20.0.250-10.20.0.254" in text
    for sentence in view.policy.understood():
        assert sentence.partition(";")[0] in text


def test_a_deviation_is_acknowledged_until_a_time_and_taken_back(
    browser: Browser, view: FakeView
) -> None:
    token = browser.token("/deviations/7")
    answer = browser.post(
        "/deviations/7", token=token, by=" Ops ", note="known\nsince today", until="day"
    )
    assert answer.headers["location"] == "/deviations/7"
    assert view.open[0].acknowledgement == Acknowledgement(
        "Ops", "known since today", NOW, NOW + DAY
    )
    page = browser.get("/deviations/7").text
    assert "known since today" in page
    assert "2026-11-22 01:00 UTC" in page
    browser.post("/deviations/7", token=token, do="withdraw")
    assert view.open[0].acknowledgement is None


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"by": " ", "until": "end"}, "Say who you are"),
        ({"by": "Ops", "until": "forever"}, "Choose how long"),
        ({"by": "Ops", "until": "time", "time": ""}, "Give a time to come"),
        ({"by": "Ops", "until": "time", "time": "2001-01-01T00:00"}, "Give a time to come"),
        ({"by": "Ops", "until": "time", "time": "9999-01-01T00:00"}, "Give a time to come"),
        ({"by": "Ops", "until": "time", "time": "0001-01-01T00:00+14:00"}, "Give a time to come"),
    ],
)
def test_a_form_that_makes_no_sense_is_answered_in_words(
    browser: Browser, view: FakeView, form: dict[str, str], said: str
) -> None:
    answer = browser.post("/deviations/7", token=browser.token(), note="kept", **form)
    assert answer.status_code == 400
    assert said in answer.text
    assert "kept" in answer.text, "what was typed is not lost"
    assert view.open[0].acknowledgement is None


def test_a_chosen_time_is_utc(browser: Browser, view: FakeView) -> None:
    browser.post(
        "/deviations/7", token=browser.token(), by="K", until="time", time="2026-12-24T18:00"
    )
    assert view.open[0].acknowledgement is not None
    assert view.open[0].acknowledgement.until_unix == 1_798_135_200


def poisoned(value: Any) -> Any:
    """Return *value* with every text of it replaced by a hostile one; keys and states stay."""
    if type(value) is str:
        return NASTY
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        kept = ("target", "group", "key", "kind", "channel", "event_id", "finding_ids")
        new = {
            f.name: poisoned(getattr(value, f.name)) for f in fields(value) if f.name not in kept
        }
        return replace(value, **new)
    return value


@pytest.mark.parametrize("path", [*PAGES, "/hosts?q=%3Cscript%3E", "/look?host=%3Cscript%3E"])
def test_what_hosts_and_people_say_is_text_and_nothing_else(
    browser: Browser, view: FakeView, path: str
) -> None:
    scripts = Page(browser.get(path).text).tags.count("script")
    view.open = [replace(one, finding_ids=["smb1-enabled"]) for one in poisoned(view.open)]
    view.change_lines = poisoned(view.change_lines)
    view.host_lines = [replace(one, name=NASTY) for one in view.host_lines]
    view.delivery_lines = poisoned(view.delivery_lines)
    view.report = hostile()
    view.policy_path = NASTY
    text = browser.get(path).text
    page = Page(text)
    assert page.tags.count("script") == scripts
    assert page.handlers == []
    assert "onerror=alert(2)>" not in text
    assert not any(c in text for c in "\x1b\x00\u202e")
    assert "49" not in text.partition("alert(2)")[2][:40]


def test_a_target_in_the_address_is_text(browser: Browser) -> None:
    answer = browser.get("/hosts/%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def test_a_store_that_fails_is_said(
    browser: Browser, view: FakeView, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> Overview:
        raise StoreError("the disk is full")

    monkeypatch.setattr(view, "overview", fail)
    answer = browser.get("/")
    assert answer.status_code == 503
    assert "the disk is full" in answer.text


@pytest.mark.parametrize("state", DeliveryState)
def test_every_state_of_a_delivery_has_its_mark_and_word(
    browser: Browser, view: FakeView, state: DeliveryState
) -> None:
    view.delivery_lines = [replace(view.delivery_lines[0], state=state)]
    text = browser.get("/alerts").text
    mark = text.partition(f"delivery-{state.name.lower()}")[2].partition("</span>")[0]
    assert mark.rpartition(">")[2].strip(), "no mark"
    assert f'<span class="state-word">{state.value}</span>' in text
