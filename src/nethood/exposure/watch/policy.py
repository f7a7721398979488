"""The policy as the watcher works by it: what is expected of whom, how often, who is told.

`load_policy` reads the file, checks it whole and returns this, or raises one error that names
every fault with its line and the remedy. The file's own shape is in policy_file.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from nethood.exposure.watch.checks import Check
from nethood.exposure.watch.events import Subject
from nethood.exposure.watch.maintenance import Heartbeat, Window

if TYPE_CHECKING:
    from nethood.exposure.watch.policy_file import ChannelTable


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing expected of every target of a group.

    *wanted* is the value as written, *sentence* what it says to people. A deviation alerts after
    a second look *confirm_after_s* later; *unknown_after* looks in a row that could not see it
    make one notice (0: never).
    """

    group: str
    key: str
    wanted: str
    check: Check
    tell: tuple[str, ...] = ()
    confirm_after_s: float = 30.0
    unknown_after: int = 3

    @property
    def id(self) -> str:
        """ "lab:445": unique in a policy, the same after a restart."""
        return f"{self.group}:{self.key}"

    @property
    def sentence(self) -> str:
        """ "445/tcp closed"."""
        return self.check.sentence

    def subject(self, target: str, name: str = "") -> Subject:
        """Return this expectation of *target*, as events name it."""
        return Subject(self.group, target, self.key, self.sentence, name)


@dataclass(frozen=True, slots=True)
class Group:
    """Targets, as `targets.parse_targets` reads them, and what is expected of each."""

    name: str
    targets: tuple[str, ...]
    exclude: tuple[str, ...]
    every_s: float
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """More than *limit* alerts to a channel within *within_s* become one summary."""

    limit: int = 10
    within_s: float = 300.0


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The dashboard: *listen* is "127.0.0.1:8137", "" for none.

    *users* is a file of lines `NAME:ARGON2HASH`; *certificate* and *key* make it https;
    *behind_https* says that a proxy in front does. *names* are host names it may be asked by.
    """

    listen: str = ""
    users: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_https: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where the state is kept: an SQLAlchemy *url* (see `url_of`); history for *keep_s*."""

    url: str = ""
    url_env: str = ""
    url_file: Path | None = None
    keep_s: float = 400 * 86400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it, checked. *text* is the file as it was read.

    *seen_from* is the address targets see the watcher come from, "" to find it out;
    *rate* is how many packets a second go out at most, None for the scanner's own.
    """

    path: Path
    text: str
    groups: Mapping[str, Group]
    channels: Mapping[str, ChannelTable] = field(default_factory=dict)
    maintenance: tuple[Window, ...] = ()
    flood: FloodLimits = field(default_factory=FloodLimits)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    heartbeat_tell: tuple[str, ...] = ()
    zone: tzinfo = UTC
    timeout_s: float = 3.0
    rate: float | None = None
    public: bool = False
    seen_from: str = ""
    web: WebSettings = field(default_factory=WebSettings)
    state: StateSettings = field(default_factory=StateSettings)
    metrics_listen: str = ""

    @property
    def expectations(self) -> dict[str, Expectation]:
        """Every expectation by its id."""
        return {one.id: one for group in self.groups.values() for one in group.expectations}

    def understood(self) -> list[str]:
        """Return the policy in sentences, as it was understood."""
        from nethood.exposure.watch.policy_words import understood

        return understood(self)


def load_policy(path: Path) -> Policy:
    """Read and check the policy at *path*; relative paths in it start at its folder.

    Raises ConfigError with one line for every fault: file, line, key, remedy.
    """
    from nethood.exposure.watch.policy_reading import read_policy

    return read_policy(path)
