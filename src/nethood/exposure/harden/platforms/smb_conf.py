"""smb.conf as text: what it sets, what it includes, and a block of ours at its end.

Names are compared as Samba does: neither case nor blanks count, and some have synonyms. The text
is never written anew: a block is put at its end, where it wins over all that stands above,
included files too, and every other byte stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BEGIN = "# nethood harden: begin. What follows wins over what stands above."
END = "# nethood harden: end"
GLOBAL = "global"
_SYNONYMS = {
    "allowhosts": "hostsallow",
    "minprotocol": "serverminprotocol",
    "onlyguest": "guestonly",
    "public": "guestok",
    "serversmbencrypt": "smbencrypt",
}
_TRUE = ("yes", "true", "1", "on")


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the file: *section* in lower case, *name* without blanks and synonyms."""

    section: str
    name: str
    value: str


def parse(text: str) -> Iterator[Setting]:
    """Yield the settings of *text* in order; lines that are none are passed over."""
    section = GLOBAL
    for line in _logical_lines(text):
        if line.startswith("["):
            section = line[1:].partition("]")[0].strip().lower()
            continue
        name, equals, value = line.partition("=")
        if equals:
            yield Setting(section, plain_name(name), value.strip())


def _logical_lines(text: str) -> Iterator[str]:
    pending = ""
    for raw in text.split("\n"):
        line = pending + raw.strip()
        pending = ""
        if not pending and line.startswith(("#", ";")):
            continue
        if line.endswith("\\"):
            pending = line[:-1]
        elif line:
            yield line
    if pending:
        yield pending


def plain_name(name: str) -> str:
    """Return *name* as names are compared."""
    plain = "".join(name.split()).lower()
    return _SYNONYMS.get(plain, plain)


def effective(settings: Iterable[Setting], name: str, section: str = GLOBAL) -> str | None:
    """Return the value *name* ends up with in *section*, None where it is not set there."""
    wanted = plain_name(name)
    found = [s.value for s in settings if (s.section, s.name) == (section, wanted)]
    return found[-1] if found else None


def is_true(value: str | None) -> bool:
    """Whether *value* is one of Samba's words for yes."""
    return value is not None and value.lower() in _TRUE


def includes(text: str) -> list[str]:
    """Return the files *text* includes, those named with a % left out."""
    values = [s.value for s in parse(text) if s.name == "include"]
    return [v for v in values if v and "%" not in v and v.lower() != "registry"]


def guest_shares(texts: Iterable[str]) -> list[str]:
    """Return the shares that let guests in, in the order they are first named."""
    settings = [setting for text in texts for setting in parse(text)]
    by_default = is_true(effective(settings, "guest ok"))
    shares = dict.fromkeys(s.section for s in settings if s.section != GLOBAL)
    found = []
    for share in shares:
        value = effective(settings, "guest ok", share)
        if is_true(value) or (value is None and by_default):
            found.append(share)
    return found


def without_block(text: str) -> str:
    """Return *text* without our block; only an end of line it was given stays."""
    start = text.find(f"\n{BEGIN}\n")
    end = text.find(f"\n{END}\n", start)
    if start < 0 or end < 0:
        return text
    return text[:start] + text[end + len(END) + 2 :]


def tail(text: str, settings: dict[str, str], closed_shares: Iterable[str]) -> str:
    """Return what has to be put behind *text*.

    It begins with an empty line, which also ends a last line that goes on with a backslash.
    """
    lines = ["" if not text or text.endswith("\n") else "\n", BEGIN, "[global]"]
    lines += [f"   {name} = {value}" for name, value in settings.items()]
    for share in closed_shares:
        lines += [f"[{share}]", "   guest ok = no"]
    return "\n".join([*lines, END, ""])
