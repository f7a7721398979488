"""The state machine: every state with every input, and what is told, against a simple model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood.errors import LocalError
from nethood.exposure.watch.checks import parse_check
from nethood.exposure.watch.events import Alert, AlertKind, Judgement, TransitionKind, Verdict
from nethood.exposure.watch.machine import (
    ACKNOWLEDGED,
    IN_MAINTENANCE,
    TABLE,
    Input,
    Step,
    input_of,
    step_acknowledge,
    step_look,
    step_time,
    step_withdraw,
)
from nethood.exposure.watch.policy import Expectation
from nethood.exposure.watch.records import Phase
from nethood.exposure.watch.tracked import (
    NEW_TRACKED,
    PENDING,
    Acknowledged,
    State,
    Tracked,
    tracked_from_json,
    tracked_to_json,
)

CLOSED = parse_check("445", "closed")
EXPECTATION = Expectation("lab", "445", "closed", CLOSED, ("ops",), 30.0, 3)
SUBJECT = EXPECTATION.subject("10.1.0.7", "nas.example")

FINE = Verdict(Judgement.AS_EXPECTED, "port 445 is closed")
OPEN = Verdict(
    Judgement.DEVIATES, "port 445 is open", "open", ("seen",), ("smb-reachable",), ("x",)
)
WORSE = Verdict(Judgement.DEVIATES, "port 445 is wide open", "wide open")
WORST = Verdict(Judgement.DEVIATES, "port 445 is gone", "gone")
BLIND = Verdict(Judgement.UNKNOWN, "no route")


@dataclass
class Story:
    """One expectation over time: a clock, what is tracked, and all that was said."""

    now: float = 1000.0
    tracked: Tracked = NEW_TRACKED
    in_maintenance: bool = False
    expectation: Expectation = EXPECTATION
    alerts: list[Alert] = field(default_factory=list)
    history: list[TransitionKind] = field(default_factory=list)
    quiet: list[str] = field(default_factory=list)

    def take(self, step: Step) -> Step:
        self.tracked = step.tracked
        self.alerts += step.alerts
        self.history += [one.kind for one in step.transitions]
        self.quiet += [one.quiet for one in step.transitions]
        return step

    def look(self, *verdicts: Verdict, later_s: float = 300.0) -> Story:
        """Look once for each verdict, *later_s* apart; the store is asked to keep it each time."""
        for verdict in verdicts:
            self.now += later_s
            tracked = tracked_from_json(tracked_to_json(self.tracked))
            assert tracked == self.tracked
            self.take(
                step_look(
                    tracked, self.expectation, SUBJECT, verdict, self.now, self.in_maintenance
                )
            )
        return self

    def wait(self, seconds: float) -> Story:
        self.now += seconds
        self.take(step_time(self.tracked, self.expectation, SUBJECT, self.now, self.in_maintenance))
        return self

    def acknowledge(self, until_unix: float | None = None) -> Story:
        known = Acknowledged("ops", "on it", self.now, until_unix)
        self.take(
            step_acknowledge(self.tracked, self.expectation, SUBJECT, known, self.in_maintenance)
        )
        return self

    @property
    def told(self) -> list[str]:
        return [str(alert.kind) for alert in self.alerts]


REACH: dict[State, tuple[Verdict, ...]] = {
    State.NEW: (),
    State.FINE: (FINE,),
    State.SUSPECTED: (FINE, OPEN),
    State.DEVIATING: (FINE, OPEN, OPEN),
    State.CHANGING: (FINE, OPEN, OPEN, WORSE),
    State.RECOVERING: (FINE, OPEN, OPEN, FINE),
    State.UNKNOWN: (FINE, BLIND, BLIND, BLIND),
    State.LOST: (FINE, OPEN, OPEN, BLIND, BLIND, BLIND),
}
"""How each state is come to."""


def story_in(state: State) -> Story:
    story = Story().look(*REACH[state])
    assert story.tracked.state is state
    story.alerts.clear()
    story.history.clear()
    story.quiet.clear()
    return story


# What becomes of each state by each look, five minutes later: the state, the history, the alerts.
LOOKS: dict[tuple[State, str], tuple[State, list[str], list[str]]] = {
    (State.NEW, "fine"): (State.FINE, ["known"], []),
    (State.NEW, "open"): (State.SUSPECTED, [], []),
    (State.NEW, "worse"): (State.SUSPECTED, [], []),
    (State.NEW, "blind"): (State.NEW, [], []),
    (State.FINE, "fine"): (State.FINE, [], []),
    (State.FINE, "open"): (State.SUSPECTED, [], []),
    (State.FINE, "worse"): (State.SUSPECTED, [], []),
    (State.FINE, "blind"): (State.FINE, [], []),
    (State.SUSPECTED, "fine"): (State.FINE, [], []),
    (State.SUSPECTED, "open"): (State.DEVIATING, ["deviation"], ["deviates"]),
    (State.SUSPECTED, "worse"): (State.DEVIATING, ["deviation"], ["deviates"]),
    (State.SUSPECTED, "blind"): (State.SUSPECTED, [], []),
    (State.DEVIATING, "fine"): (State.RECOVERING, [], []),
    (State.DEVIATING, "open"): (State.DEVIATING, [], []),
    (State.DEVIATING, "worse"): (State.CHANGING, [], []),
    (State.DEVIATING, "blind"): (State.DEVIATING, [], []),
    (State.CHANGING, "fine"): (State.RECOVERING, [], []),
    (State.CHANGING, "open"): (State.DEVIATING, [], []),
    (State.CHANGING, "worse"): (State.DEVIATING, ["changed"], ["changed"]),
    (State.CHANGING, "blind"): (State.CHANGING, [], []),
    (State.RECOVERING, "fine"): (State.FINE, ["recovery"], ["recovered"]),
    (State.RECOVERING, "open"): (State.DEVIATING, [], []),
    (State.RECOVERING, "worse"): (State.CHANGING, [], []),
    (State.RECOVERING, "blind"): (State.RECOVERING, [], []),
    (State.UNKNOWN, "fine"): (State.FINE, ["known"], ["can be checked again"]),
    (State.UNKNOWN, "open"): (State.SUSPECTED, [], []),
    (State.UNKNOWN, "worse"): (State.SUSPECTED, [], []),
    (State.UNKNOWN, "blind"): (State.UNKNOWN, [], []),
    (State.LOST, "fine"): (State.RECOVERING, [], []),
    (State.LOST, "open"): (State.DEVIATING, ["known"], ["can be checked again"]),
    (State.LOST, "worse"): (State.CHANGING, [], []),
    (State.LOST, "blind"): (State.LOST, [], []),
}
VERDICTS = {"fine": FINE, "open": OPEN, "worse": WORSE, "blind": BLIND}


def test_the_expectations_of_this_test_are_whole() -> None:
    assert set(LOOKS) == set(itertools.product(State, VERDICTS))


@pytest.mark.parametrize(("state", "look"), LOOKS)
def test_every_state_with_every_look(state: State, look: str) -> None:
    story = story_in(state).look(VERDICTS[look])
    expected = LOOKS[state, look]
    assert (story.tracked.state, [str(kind) for kind in story.history], story.told) == expected


@pytest.mark.parametrize(("state", "look"), LOOKS)
def test_too_early_a_look_confirms_nothing(state: State, look: str) -> None:
    story = story_in(state)
    before = story.tracked
    story.look(VERDICTS[look], later_s=29.9)
    if state in PENDING and LOOKS[state, look][1]:
        assert story.tracked.state is state
        assert not story.history
        assert story.tracked.pending_unix == before.pending_unix
    else:
        assert story.tracked.state is LOOKS[state, look][0]


@pytest.mark.parametrize("state", State)
def test_many_looks_that_see_nothing_make_one_notice(state: State) -> None:
    story = story_in(state).look(*[BLIND] * 10)
    deviated = state in (State.DEVIATING, State.CHANGING, State.RECOVERING, State.LOST)
    assert story.tracked.state is (State.LOST if deviated else State.UNKNOWN)
    told_before = state in (State.UNKNOWN, State.LOST)
    assert story.told == ([] if told_before else ["can't be checked"])
    assert story.tracked.phase is (Phase.DEVIATING if deviated else Phase.UNKNOWN)


@pytest.mark.parametrize("state", State)
def test_the_table_has_every_input_a_look_can_be(state: State) -> None:
    tracked = story_in(state).tracked
    for verdict, later_s in itertools.product(VERDICTS.values(), (0.0, 1e6)):
        for blind in (0, 2, 50):
            looked = replace(tracked, blind_looks=blind)
            given_ = input_of(looked, EXPECTATION, verdict, tracked.pending_unix + later_s)
            assert (state, given_) in TABLE


def test_the_table_has_nothing_that_cannot_come() -> None:
    possible = {
        (state, input_of(replace(tracked, blind_looks=blind), EXPECTATION, verdict, at))
        for state in State
        for tracked in [story_in(state).tracked]
        for verdict in (*VERDICTS.values(), WORST)
        for at in (tracked.pending_unix, tracked.pending_unix + 1e6)
        for blind in (0, 2)
    }
    assert set(TABLE) <= possible
    assert {given_ for _, given_ in TABLE} == set(Input)


def test_never_a_notice_where_none_is_wanted() -> None:
    story = Story(expectation=replace(EXPECTATION, unknown_after=0)).look(FINE, *[BLIND] * 50)
    assert story.tracked.state is State.FINE
    assert not story.alerts
    before = story.tracked
    assert story.look(BLIND).tracked is not before or story.tracked == before


def test_a_look_that_changes_nothing_gives_the_same_object() -> None:
    for state, verdict in (
        (State.FINE, FINE),
        (State.DEVIATING, OPEN),
        (State.UNKNOWN, BLIND),
        (State.LOST, BLIND),
    ):
        tracked = story_in(state).tracked
        assert step_look(tracked, EXPECTATION, SUBJECT, verdict, 1e9).tracked is tracked
        assert step_time(tracked, EXPECTATION, SUBJECT, 1e9).tracked is tracked
        assert not tracked.waits_for_time


def test_the_second_look_is_due_confirm_after_the_first() -> None:
    story = Story().look(FINE, OPEN)
    assert story.tracked.look_again_at(30.0) == story.now + 30
    story.look(OPEN, later_s=30.0)
    assert story.told == ["deviates"]
    assert story.tracked.look_again_at(30.0) is None
    assert story.tracked.since_unix == story.now - 30


def test_an_alert_says_all_of_it() -> None:
    story = Story().look(FINE, OPEN, OPEN, FINE, FINE)
    opened, closed = story.alerts
    assert opened.title == ("nas.example (10.1.0.7): port 445 is open; expected: 445/tcp closed")
    assert (opened.tell, opened.subject) == (("ops",), SUBJECT)
    assert (opened.observed, opened.evidence) == ("port 445 is open", ("seen",))
    assert (opened.finding_ids, opened.fix) == (("smb-reachable",), ("x",))
    assert opened.at_unix - opened.since_unix == 300
    assert (closed.observed, closed.was) == ("port 445 is closed", "port 445 is open")
    assert not closed.fix
    assert opened.id != closed.id


def test_the_same_input_again_gives_the_same_ids() -> None:
    tracked = story_in(State.SUSPECTED).tracked
    steps = [step_look(tracked, EXPECTATION, SUBJECT, OPEN, 5000.0) for _ in range(2)]
    assert steps[0] == steps[1]
    other = replace(SUBJECT, target="10.1.0.8")
    elsewhere = step_look(tracked, EXPECTATION, other, OPEN, 5000.0)
    assert elsewhere.alerts[0].id != steps[0].alerts[0].id


def test_one_look_that_differs_is_never_told() -> None:
    story = Story().look(*[FINE, OPEN] * 20, FINE)
    assert not story.alerts
    assert story.history == [TransitionKind.KNOWN]
    story = story_in(State.DEVIATING).look(*[FINE, OPEN, WORSE, OPEN] * 10)
    assert not story.alerts


def test_a_deviation_without_a_mark_is_one_all_the_same() -> None:
    unmarked = Verdict(Judgement.DEVIATES, "something")
    story = Story().look(FINE, unmarked, unmarked, unmarked, FINE, FINE)
    assert story.told == ["deviates", "recovered"]


def test_a_third_way_to_deviate_needs_two_looks_of_its_own() -> None:
    story = story_in(State.CHANGING).look(WORST)
    assert (story.tracked.state, story.alerts) == (State.CHANGING, [])
    assert story.look(WORST).told == ["changed"]


class TestMaintenance:
    def test_what_comes_and_goes_is_never_told(self) -> None:
        story = story_in(State.FINE)
        story.in_maintenance = True
        story.look(OPEN, OPEN, FINE, FINE)
        story.in_maintenance = False
        story.wait(60).look(FINE)
        assert not story.alerts
        assert story.history == [TransitionKind.DEVIATION, TransitionKind.RECOVERY]
        assert story.quiet == [IN_MAINTENANCE] * 2

    def test_what_stays_is_told_at_the_end(self) -> None:
        story = story_in(State.FINE)
        story.in_maintenance = True
        story.look(OPEN, OPEN, OPEN)
        assert story.tracked.waits_for_time
        story.in_maintenance = False
        story.wait(60)
        assert story.told == ["deviates"]
        assert story.alerts[0].evidence == ("seen",)
        assert not story.wait(60).tracked.waits_for_time
        assert len(story.alerts) == 1

    def test_what_was_told_before_is_not_repeated(self) -> None:
        story = story_in(State.DEVIATING)
        story.in_maintenance = True
        story.look(OPEN, OPEN)
        story.in_maintenance = False
        assert not story.wait(60).look(OPEN).alerts

    def test_a_recovery_in_it_is_told_at_the_end(self) -> None:
        story = story_in(State.DEVIATING)
        story.in_maintenance = True
        story.look(FINE, FINE)
        story.in_maintenance = False
        assert story.wait(60).told == ["recovered"]

    def test_a_recovery_is_told_only_where_it_lasts(self) -> None:
        story = story_in(State.DEVIATING)
        story.in_maintenance = True
        story.look(FINE, FINE, OPEN)
        story.in_maintenance = False
        assert not story.wait(60).alerts
        assert not story.look(OPEN).alerts  # as people know it
        assert story.look(FINE, FINE).told == ["recovered"]

    def test_lost_in_it_is_told_with_what_was_seen(self) -> None:
        story = story_in(State.FINE)
        story.in_maintenance = True
        story.look(OPEN, OPEN, BLIND, BLIND, BLIND)
        story.in_maintenance = False
        assert story.wait(60).told == ["deviates", "can't be checked"]


class TestAcknowledgement:
    def test_until_it_changes(self) -> None:
        story = story_in(State.DEVIATING).acknowledge()
        story.look(OPEN, FINE, OPEN, BLIND, BLIND, BLIND, OPEN)
        assert not story.alerts
        assert story.tracked.acknowledged is not None
        story.look(WORSE, WORSE)
        assert story.told == ["changed"]
        assert story.tracked.acknowledged is None

    def test_a_recovery_ends_it_and_is_told(self) -> None:
        story = story_in(State.DEVIATING).acknowledge().look(FINE, FINE)
        assert story.told == ["recovered"]
        assert story.look(OPEN, OPEN).told == ["recovered", "deviates"]

    def test_until_a_time_it_keeps_quiet_whatever_happens(self) -> None:
        story = story_in(State.DEVIATING)
        end = story.now + 86400
        story.acknowledge(end).look(WORSE, WORSE, FINE, FINE, OPEN, OPEN)
        assert not story.alerts
        assert set(story.quiet) == {ACKNOWLEDGED}
        story.now = end - 1
        assert not story.wait(0.5).alerts
        assert story.wait(0.5).told == ["still deviates"]
        assert story.history[-1] is TransitionKind.ACKNOWLEDGEMENT_ENDED
        assert not story.wait(1e6).alerts[1:]

    def test_its_end_tells_what_became_of_it(self) -> None:
        story = story_in(State.DEVIATING)
        story.acknowledge(story.now + 3600).look(FINE, FINE).wait(3600)
        assert story.told == ["recovered"]
        story = story_in(State.DEVIATING)
        story.acknowledge(story.now + 3600).look(WORSE, WORSE).wait(3600)
        assert story.told == ["changed"]

    def test_its_end_in_maintenance_waits_for_that_to_end(self) -> None:
        story = story_in(State.DEVIATING)
        story.acknowledge(story.now + 60)
        story.in_maintenance = True
        assert not story.wait(3600).alerts
        story.in_maintenance = False
        assert story.wait(60).told == ["still deviates"]

    def test_what_nobody_was_told_counts_as_told(self) -> None:
        story = story_in(State.FINE)
        story.in_maintenance = True
        story.look(OPEN, OPEN).acknowledge()
        story.in_maintenance = False
        assert not story.wait(60).alerts

    def test_withdrawn_it_repeats_nothing(self) -> None:
        story = story_in(State.DEVIATING).acknowledge()
        story.take(step_withdraw(story.tracked, EXPECTATION, SUBJECT, story.now))
        assert story.tracked.acknowledged is None
        assert not story.alerts
        with pytest.raises(LocalError, match="is not acknowledged"):
            step_withdraw(story.tracked, EXPECTATION, SUBJECT, story.now)

    @pytest.mark.parametrize("state", [State.NEW, State.FINE, State.SUSPECTED, State.UNKNOWN])
    def test_there_must_be_something(self, state: State) -> None:
        with pytest.raises(LocalError, match=r"10\.1\.0\.7.*does not deviate"):
            story_in(state).acknowledge()

    def test_a_time_that_is_over_is_refused(self) -> None:
        story = story_in(State.DEVIATING)
        with pytest.raises(LocalError, match="over already"):
            story.acknowledge(story.now)


class TestAnotherPolicy:
    def test_what_is_expected_now_is_judged_anew(self) -> None:
        story = story_in(State.DEVIATING).acknowledge()
        story.expectation = replace(EXPECTATION, wanted="open", check=parse_check("445", "open"))
        story.history.clear()
        story.quiet.clear()
        story.look(replace(FINE, observed="port 445 is open"))
        assert story.tracked.state is State.FINE
        assert not story.alerts
        assert story.history == [TransitionKind.RECOVERY, TransitionKind.KNOWN]
        assert story.quiet == ["the policy changed", ""]

    def test_the_serial_goes_on_so_that_ids_stay_unique(self) -> None:
        story = story_in(State.DEVIATING)
        serial = story.tracked.serial
        story.expectation = replace(EXPECTATION, wanted="open", check=parse_check("445", "open"))
        assert story.look(FINE).tracked.serial > serial


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"v":2}',
        '{"v":1,"state":"odd"}',
        '{"v":1,"confirmed":{"judgement":"odd"}}',
        '{"v":1,"x":1}',
    ],
)
def test_a_state_that_is_none_is_said_to_be(text: str) -> None:
    with pytest.raises(LocalError):
        tracked_from_json(text)


@dataclass
class Model:
    """What must hold of alerts, worked out from the looks alone."""

    run: list[str] = field(default_factory=list)
    """The looks that could see, as marks ("" as expected), with their times."""
    times: list[float] = field(default_factory=list)

    def see(self, verdict: Verdict, now: float) -> None:
        if verdict.judgement is not Judgement.UNKNOWN:
            self.run.append(verdict.mark)
            self.times.append(now)

    def two_looks(self, *, deviates: bool) -> bool:
        """Whether the last two looks that could see agree, far enough apart, first to last."""
        agreeing = 0
        for mark in reversed(self.run):
            if bool(mark) is not deviates:
                break
            agreeing += 1
        if agreeing < 2:
            return False
        return self.times[-1] - self.times[-agreeing] >= EXPECTATION.confirm_after_s


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([FINE, OPEN, WORSE, WORST, BLIND]), st.sampled_from([1.0, 30.0, 300.0])
        ),
        st.tuples(
            st.sampled_from(["maintenance", "acknowledge", "acknowledge an hour", "wait"]),
            st.sampled_from([1.0, 600.0, 4000.0]),
        ),
    ),
    max_size=60,
)


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_against_a_simple_model(steps: list[tuple[Verdict | str, float]]) -> None:
    story, model = Story(), Model()
    known = ""  # the last thing people heard or said of it
    for what, seconds in steps:
        heard = len(story.alerts)
        if isinstance(what, Verdict):
            model.see(what, story.now + seconds)
            story.look(what, later_s=seconds)
        elif what == "maintenance":
            story.in_maintenance = not story.in_maintenance
            story.wait(seconds)
        elif what == "wait":
            story.wait(seconds)
        elif story.tracked.is_deviating:
            story.acknowledge(story.now + 3600 if what.endswith("hour") else None)
            known = story.tracked.mark
        check_told(story, model, story.alerts[heard:], known, what)
        known = next_known(story.alerts[heard:], known, story)
        check_nothing_lost(story, known)


def check_told(
    story: Story, model: Model, new: list[Alert], known: str, what: Verdict | str
) -> None:
    """Nothing is told in maintenance, nothing without two looks, nothing twice."""
    assert not (new and story.in_maintenance)
    for alert in new:
        if alert.kind is AlertKind.DEVIATES and isinstance(what, Verdict) and known == "":
            assert model.two_looks(deviates=True) or what == BLIND
        if alert.kind in (AlertKind.DEVIATES, AlertKind.CHANGED):
            assert known != story.tracked.mark
            assert known == "" or alert.kind is AlertKind.CHANGED
        if alert.kind is AlertKind.RECOVERED:
            assert known != ""
    ids = [alert.id for alert in story.alerts]
    assert len(ids) == len(set(ids))


def next_known(new: list[Alert], known: str, story: Story) -> str:
    for alert in new:
        if alert.kind in (AlertKind.DEVIATES, AlertKind.CHANGED, AlertKind.STILL_DEVIATES):
            known = story.tracked.mark
        if alert.kind is AlertKind.RECOVERED:
            known = ""
    return known


def check_nothing_lost(story: Story, known: str) -> None:
    """What is confirmed is known, or acknowledged, or in maintenance."""
    if story.tracked.is_deviating:
        quiet = story.in_maintenance or story.tracked.acknowledged is not None
        assert quiet or known == story.tracked.mark
    assert story.tracked.told == known
