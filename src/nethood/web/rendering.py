"""Templates: every text that goes into a page is escaped, made visible, and bounded."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nethood.exposure.findings.words import clean
from nethood.exposure.report.facts import facts_of, host_name, software_name
from nethood.web import words

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEXT_LIMIT = 4000


def render(template: str, **values: Any) -> str:
    """Return *template* filled with *values*."""
    return _environment().get_template(template).render(**values)


def moment(unix: float | None, now_unix: float, never: str = "never") -> Markup:
    """Return a time element: how long ago, the exact time for machines and as its title."""
    from markupsafe import Markup

    if unix is None:
        return Markup("{}").format(never)
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(
        words.iso(unix), words.clock(unix), words.ago(unix, now_unix)
    )


def exact(unix: float) -> Markup:
    """Return a time element that says date and time."""
    from markupsafe import Markup

    return Markup('<time datetime="{}">{}</time>').format(words.iso(unix), words.clock(unix))


def place_of(target: str) -> str:
    """Return the path of a target's page."""
    return f"/hosts/{quote(target, safe=':[]')}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nethood.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clock=words.clock, counted=words.counted, duration=words.duration, iso=words.iso
    )
    environment.globals.update(
        KINDS=words.KINDS,
        MARKS=words.MARKS,
        PHASES=words.PHASES,
        TONES=words.TONES,
        exact=exact,
        facts_of=facts_of,
        host_name=host_name,
        moment=moment,
        place_of=place_of,
        software_name=software_name,
    )
    return environment


def _visible(value: object) -> object:
    """Make invisible characters visible and bound the text; markup passes."""
    if type(value) is not str:
        return value
    return "\n".join(clean(line, _TEXT_LIMIT) for line in value[: 4 * _TEXT_LIMIT].split("\n"))
