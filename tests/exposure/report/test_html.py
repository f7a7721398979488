"""The HTML report: nothing fetched, nothing run, every link leads somewhere, no markup of hosts."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from nethood.exposure.findings import assess
from nethood.exposure.model import HostReport
from nethood.exposure.report import write_html
from tests.exposure import hosts

VOID = {"meta", "link", "br", "hr", "img", "input", "circle", "rect", "wbr"}


class Page(HTMLParser):
    """What a page consists of; fails where elements are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def values(self, attribute: str) -> list[str]:
        return [value for _, found in self.tags if (value := found.get(attribute)) is not None]

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.tags)


def written(reports: list[HostReport]) -> str:
    file = io.StringIO()
    write_html(map(assess, reports), file)
    return file.getvalue()


@pytest.fixture(scope="module")
def text() -> str:
    return written(hosts.everybody())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_is_fetched_and_nothing_runs(text: str, page: Page) -> None:
    assert {"script", "link", "img", "iframe", "form", "object"}.isdisjoint(t for t, _ in page.tags)
    assert page.values("src") == []
    assert not any(name.startswith("on") for _, found in page.tags for name in found)
    assert page.values("style") == []
    assert "@import" not in text
    assert "url(" not in text


def test_the_policy_allows_the_style_inside_and_nothing_else(text: str, page: Page) -> None:
    [policy] = [value for value in page.values("content") if "default-src" in value]
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_links_inside_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inside = [link[1:] for link in page.values("href") if link.startswith("#")]
    assert len(inside) > 50
    assert set(inside) <= set(ids)
    for labels in page.values("aria-labelledby"):
        assert set(labels.split()) <= set(ids)


def test_it_can_be_read_aloud(page: Page) -> None:
    assert [found.get("lang") for tag, found in page.tags if tag == "html"] == ["en"]
    for landmark in ("main", "header", "nav", "footer", "h1"):
        assert page.count(landmark) == 1
    assert page.count("caption") == page.count("table")
    assert page.count("svg") == page.count("title") - 1 == 3
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_pictures_have_their_numbers_in_words(text: str) -> None:
    assert "Hosts by worst finding: critical 1, high 2, medium 1, low 1, info 1, " in text
    assert "Hosts that require signing: required 2, not required 2, off 1, unknown 0." in text


def test_every_host_that_answered_has_its_section(text: str) -> None:
    for report in hosts.everybody()[:-1]:
        assert re.search(rf'<h3 id="host-\d+-title">{re.escape(str(report.target))}', text)
    assert "192.168.1.99" not in text
    assert text.index("192.168.1.66</a>") < text.index("192.168.1.30</a>"), "worst first"


def test_a_host_shows_evidence_its_own_fix_and_what_is_unknown() -> None:
    text = written([hosts.samba()])
    section = text[text.index('id="host-1"') : text.index('id="explained"')]
    assert "3.1.1: signing is enabled, not required." in section
    assert "server signing = mandatory" in section
    assert "RequireSecuritySignature" not in section
    assert "unknown: not asked; --guest asks once" in section


def test_a_hostile_host_is_text_and_nothing_else() -> None:
    text = written([hosts.hostile()])
    page = Page(text)
    assert page.count("script") == 0
    assert "&lt;script&gt;" in text
    assert "A" * 3000 not in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", text)
    text.encode("utf-8")


@pytest.mark.parametrize("reports", [[], [hosts.silence()]], ids=["none", "silent"])
def test_nothing_to_tell_is_told(reports: list[HostReport]) -> None:
    text = written(reports)
    Page(text)
    assert "No host answered." in text
    assert "Nothing was found." in text


def test_many_hosts_are_folded() -> None:
    few, many = (Page(written([hosts.samba()] * count)) for count in (2, 60))
    unfolded = [sum("open" in found for _, found in page.tags) for page in (few, many)]
    assert unfolded[0] > 0
    assert unfolded[1] == 0
    assert [tag for tag, _ in many.tags].count("article") > 60


def colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", block))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "paper"])
def test_contrast_is_enough_to_read(text: str, theme: int) -> None:
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    found = colours(re.findall(r":root \{(.*?)\}", style, re.DOTALL)[theme])
    pairs = [(ink, ground) for ink in ("text", "soft", "link") for ground in ("page", "card")]
    pairs += [(ink, "code") for ink in ("text", "link")]
    severities = ("critical", "high", "medium", "low", "info", "good")
    pairs += [("on", severity) for severity in severities]
    pairs += [(severity, "card") for severity in ("critical", "high", "good")]
    for ink, ground in pairs:
        assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    for shape in (*severities, "plain", "amber"):
        assert contrast(found[shape], found["card"]) >= 3, shape


def test_the_measure_of_contrast() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
