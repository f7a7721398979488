"""The targets of a policy with what is expected of each and what is remembered of that.

In memory while the watcher runs: one small object a target, everything that is the same for the
targets of a group only once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nethood.errors import LocalError
from nethood.exposure.model import Target
from nethood.exposure.targets import parse_targets
from nethood.exposure.watch import expect
from nethood.exposure.watch.events import Subject
from nethood.exposure.watch.look import Needs
from nethood.exposure.watch.policy import Expectation, Group, Policy
from nethood.exposure.watch.syncing import Wanted
from nethood.exposure.watch.timetable import period_of
from nethood.exposure.watch.tracked import NEW_TRACKED, Tracked
from nethood.exposure.watch.writing import Place

MOST_TARGETS = 200_000
_PROBED_PACKETS = 60
"""What examining a host that has something open takes at most, about."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What targets of the same groups have in common."""

    groups: tuple[str, ...]
    expectations: tuple[Expectation, ...]
    needs: Needs
    period_s: float

    @property
    def packets(self) -> int:
        """About how many packets a look takes where something is open."""
        return len(self.needs.ports) + (_PROBED_PACKETS if self.needs.fields else 0)


@dataclass(slots=True)
class Watched:
    """One target: *tracked* is in the order of the duty's expectations."""

    target: Target
    duty: Duty
    tracked: list[Tracked]
    id: int = 0

    @property
    def text(self) -> str:
        """The target as everything names it."""
        return str(self.target)

    def subject(self, expectation: Expectation) -> Subject:
        """Return an expectation of this target as events name it."""
        return expectation.subject(self.text, self.target.name)


@dataclass(slots=True)
class Watchlist:
    """All targets; a target is known by its place in `targets`, or by its text."""

    targets: list[Watched] = field(default_factory=list)
    by_text: dict[str, int] = field(default_factory=dict)

    def wanted(self) -> list[Wanted]:
        """Return the targets as the store is to have them."""
        return [
            Wanted(
                one.text,
                one.target.name,
                one.duty.groups,
                {(e.group, e.key): e.sentence for e in one.duty.expectations},
            )
            for one in self.targets
        ]

    def remember(self, ids: Mapping[str, int], tracked: Mapping[Place, Tracked]) -> None:
        """Take over what the store knows."""
        for one in self.targets:
            one.id = ids[one.text]
            one.tracked = [
                tracked.get((one.id, e.group, e.key), NEW_TRACKED) for e in one.duty.expectations
            ]

    def find(self, target: str, group: str, key: str) -> tuple[int, int] | None:
        """Return the places of a target and of one expectation of it, by their names."""
        index = self.by_text.get(target)
        if index is None:
            return None
        for place, expectation in enumerate(self.targets[index].duty.expectations):
            if (expectation.group, expectation.key) == (group, key):
                return index, place
        return None


def watchlist_of(policy: Policy) -> Watchlist:
    """Read the targets of *policy*; names are looked up now.

    Raises LocalError with a sentence: a target that is none, a public one, no target at all.
    """
    members: dict[Target, list[str]] = {}
    for group in policy.groups.values():
        for target in _targets(policy, group):
            members.setdefault(target, []).append(group.name)
            if len(members) > MOST_TARGETS:
                raise LocalError(f"{policy.path} has more than {MOST_TARGETS:,} targets")
    if not members:
        raise LocalError(f"{policy.path} has no target; write [groups.NAME] with targets = [...]")
    found, duties = Watchlist(), dict[tuple[str, ...], Duty]()
    for target, names in members.items():
        key = tuple(names)
        duty = duties.get(key) or duties.setdefault(key, duty_of(policy, key))
        found.by_text[str(target)] = len(found.targets)
        found.targets.append(Watched(target, duty, [NEW_TRACKED] * len(duty.expectations)))
    return found


def _targets(policy: Policy, group: Group) -> Iterator[Target]:
    if not group.targets:
        return
    try:
        targets = parse_targets(group.targets, group.exclude, public=policy.public)
    except LocalError as error:
        sentence = str(error).replace("--public", "public = true in the policy")
        raise LocalError(f"{policy.path}, group {group.name}: {sentence}") from error
    if len(targets) > MOST_TARGETS:
        raise LocalError(
            f"{policy.path}, group {group.name}: that is {len(targets):,} targets;"
            f" at most {MOST_TARGETS:,} can be watched"
        )
    for place in range(len(targets)):
        yield targets[place]


def duty_of(policy: Policy, names: Sequence[str]) -> Duty:
    """Return what is to be done for targets that are in the groups *names*."""
    groups = [policy.groups[name] for name in names]
    expectations = tuple(one for group in groups for one in group.expectations)
    needs = Needs(expect.ports_needed(expectations), expect.fields_needed(expectations))
    period_s = min(
        period_of(group.every_s, one.confirm_after_s)
        for group in groups
        for one in group.expectations
    )
    return Duty(tuple(names), expectations, needs, period_s)
