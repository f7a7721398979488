"""The watcher as a process: ended, killed, and started again."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nethood.exposure.watch import outbox, reading, schema
from nethood.exposure.watch.database import Database
from nethood.exposure.watch.records import DeliveryState
from tests.exposure.watch import postgres
from tests.exposure.watch.processes import (
    Hook,
    Hosts,
    hook,
    hosts,
    until,
    watching,
    write_policy,
)

KILLING_S = 9.0
"""How long a watcher is killed again and again."""


@pytest.fixture
def told() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture
def lab() -> Iterator[Hosts]:
    with hosts("127.88.0") as made:
        yield made


@pytest.fixture
def policy(tmp_path: Path, url: str, told: Hook, lab: Hosts) -> Path:
    """A policy of five targets, with a state on each of the databases."""
    return write_policy(tmp_path / "policy.toml", targets=lab.targets(5), url=told.url, state=url)


@pytest.fixture
def simple(tmp_path: Path, told: Hook, lab: Hosts) -> Path:
    """A policy with its state in SQLite: where the database does not matter."""
    state = f"sqlite:///{tmp_path / 'watch.sqlite'}"
    return write_policy(tmp_path / "policy.toml", targets=lab.targets(5), url=told.url, state=state)


def metrics(place: str) -> dict[str, float]:
    """Read the metrics."""
    with urllib.request.urlopen(place, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def once(policy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nethood", "watch", str(policy), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def until_free(url: str) -> Database:
    """Open a database whose watcher was killed a moment ago."""
    from nethood.errors import LocalError

    found: list[Database] = []

    def free() -> bool:
        try:
            found.append(Database(url))
        except LocalError:
            return False
        return True

    until(free, "a free database")
    return found[0]


def test_a_port_that_opens_is_told_within_one_interval_and_its_end_too(
    tmp_path: Path, told: Hook, lab: Hosts
) -> None:
    state = f"sqlite:///{tmp_path / 'watch.sqlite'}"
    policy = write_policy(
        tmp_path / "p.toml", targets=lab.targets(5), url=told.url, state=state, every="4s"
    )
    with watching(policy) as watcher:
        watcher.wait_for("watching 5 targets")
        opened = time.monotonic()
        lab.open(3)
        until(lambda: told.got, "an alert")
        assert time.monotonic() - opened < 4 + 0.5
        lab.close(3)
        until(lambda: len(told.got) == 2, "a second alert")
        assert told.titles() == [
            f"deviates 127.88.0.3:{lab.port}",
            f"recovered 127.88.0.3:{lab.port}",
        ]
        assert watcher.end() == 0
        assert watcher.lines[-1].endswith("stopped; everything is stored")


def test_killed_while_an_alert_is_sent_it_is_uncertain_and_not_repeated(
    policy: Path, told: Hook, lab: Hosts, url: str
) -> None:
    told.open.clear()
    with watching(policy) as watcher:
        lab.open(2)
        assert told.waiting.wait(20)
        watcher.end(signal.SIGKILL)
    told.open.set()
    until_free(url).close()
    with watching(policy) as watcher:
        watcher.wait_for("delivery uncertain")
        lab.close(2)
        until(lambda: len(told.got) == 2, "the recovery's alert")
        watcher.end()
    assert [title.split()[0] for title in told.titles()] == ["deviates", "recovered"]
    database = Database(url)
    with database.transaction() as connection:
        states = [one.state for one in outbox.deliveries(connection, 10)]
    database.close()
    assert states == [DeliveryState.SENT, DeliveryState.UNCERTAIN]


def test_killed_the_moment_a_change_is_stored_it_is_told_once(
    policy: Path, told: Hook, lab: Hosts, url: str
) -> None:
    with watching(policy) as watcher:
        lab.open(4)
        watcher.wait_for("deviation")
        watcher.end(signal.SIGKILL)
    until_free(url).close()
    with watching(policy) as watcher:
        lab.close(4)
        watcher.wait_for("recovery")
        until(lambda: "recovered" in " ".join(told.titles()), "the recovery's alert")
        watcher.end()
    ids = [one["id"] for one in told.got]
    assert len(set(ids)) == len(ids)
    assert check_story(url, told) == {4: ["deviation", "recovery"]}


def test_killed_at_random_nothing_confirmed_is_lost_and_nothing_told_twice(
    policy: Path, told: Hook, lab: Hosts, url: str
) -> None:
    dice = random.Random(url)
    ends = time.monotonic() + KILLING_S
    while time.monotonic() < ends:
        with watching(policy) as watcher:
            for _ in range(dice.randint(1, 3)):
                host = dice.randint(1, 5)
                (lab.close if host in lab.are_open else lab.open)(host)
                time.sleep(dice.random() * 1.2)  # so that the kill comes anywhere
            watcher.end(signal.SIGKILL)
        until_free(url).close()
    still = {f"127.88.0.{n}:{lab.port}" for n in lab.are_open}
    with watching(policy) as watcher:
        until(lambda: known_open(policy) == still, "the truth")
        until(lambda: not pending(policy), "the last alert")
        watcher.end()
    check_story(url, told)


def known_open(policy: Path) -> set[str]:
    with_it = Database(state_of(policy), beside=True)
    try:
        with with_it.transaction() as connection:
            return {
                one.target
                for one in reading.open_deviations(connection, lambda _g: False)
                if one.phase == "deviating"
            }
    finally:
        with_it.close()


def pending(policy: Path) -> bool:
    database = Database(state_of(policy), beside=True)
    try:
        with database.transaction() as connection:
            waiting = (DeliveryState.PENDING, DeliveryState.SENDING)
            return any(one.state in waiting for one in outbox.deliveries(connection, 1000))
    finally:
        database.close()


def state_of(policy: Path) -> str:
    import tomllib

    return str(tomllib.loads(policy.read_text())["state"]["url"])


def check_story(url: str, told: Hook) -> dict[int, list[str]]:
    """Compare the history, the outbox and what arrived; return the history by host."""
    database = until_free(url)
    with database.transaction() as connection:
        changes = reading.changes(connection, 10_000)[::-1]
        rows = connection.execute(select(schema.alert).order_by(schema.alert.c.id)).all()
    database.close()
    story: dict[int, list[str]] = defaultdict(list)
    for change in changes:
        if change.kind in ("deviation", "recovery"):
            story[int(change.target.split(":")[0].split(".")[-1])].append(change.kind)
    for kinds in story.values():
        assert kinds[0] == "deviation"
        assert all(one != other for one, other in pairwise(kinds))
    arrived = [one["id"] for one in told.got]
    assert len(set(arrived)) == len(arrived), "an alert was repeated"
    assert len(rows) == sum(map(len, story.values())), "a confirmed change without its alert"
    for row in rows:
        state = DeliveryState(row.state)
        assert state in (DeliveryState.SENT, DeliveryState.UNCERTAIN)
        assert state is DeliveryState.UNCERTAIN or row.event_id in arrived
    assert set(arrived) <= {row.event_id for row in rows}
    return dict(story)


def test_ended_in_order_what_is_being_sent_is_sent_to_its_end(
    simple: Path, told: Hook, lab: Hosts, tmp_path: Path
) -> None:
    told.open.clear()
    with watching(simple) as watcher:
        lab.open(2)
        assert told.waiting.wait(20)
        watcher.tell(signal.SIGTERM)
        told.open.set()
        assert watcher.process.wait(20) == 0
        watcher.wait_for("alert to hook sent")
    assert len(told.got) == 1
    assert not pending(simple)


def test_while_the_database_is_gone_nothing_is_told_and_nothing_lost(
    tmp_path: Path, told: Hook, lab: Hosts, cluster: postgres.Cluster
) -> None:
    policy = write_policy(
        tmp_path / "p.toml", targets=lab.targets(5), url=told.url, state=cluster.new_database()
    )
    deviating = 'nethood_watch_expectations{standing="deviating"}'
    with watching(policy, "--metrics", "127.0.0.1:0") as watcher:
        place = watcher.wait_for("metrics at ").split()[-1]
        cluster.stop()
        lab.open(1)
        watcher.wait_for("trying again")
        until(lambda: metrics(place)[deviating] == 1, "a confirmed change that can't be stored")
        assert not told.got
        cluster.start()
        watcher.wait_for("can be written again")
        until(lambda: told.got, "the alert")
        assert watcher.end() == 0
    assert told.titles() == [f"deviates 127.88.0.1:{lab.port}"]


def test_a_second_watcher_of_the_same_state_is_refused(policy: Path) -> None:
    with watching(policy) as watcher:
        second = once(policy, "--once")
        assert second.returncode == 2
        assert "another watcher" in second.stderr
        assert str(watcher.process.pid) in second.stderr
        assert len(second.stderr.splitlines()) == 1


def test_the_policy_is_read_again_and_a_wrong_one_is_not_taken(
    simple: Path, told: Hook, lab: Hosts
) -> None:
    good = simple.read_text()
    with watching(simple) as watcher:
        simple.write_text(good.replace('"closed"', '"shut"'))
        watcher.tell(signal.SIGHUP)
        line = watcher.wait_for("the policy stays as it was")
        assert 'policy.toml line 9: groups.lab.445 = "shut": write "open", "closed"' in line
        lab.open(1)
        until(lambda: told.got, "an alert under the old policy")
        simple.write_text(good.replace(f"'127.88.0.1:{lab.port}', ", ""))
        watcher.tell(signal.SIGHUP)
        watcher.wait_for("was read again: 4 targets")
        lab.open(2)
        until(lambda: len(told.got) == 2, "an alert under the new policy")
        assert watcher.end() == 0
    assert told.titles()[1] == f"deviates 127.88.0.2:{lab.port}"


def test_once_keeps_its_state_and_tells_of_changes_only(
    simple: Path, told: Hook, lab: Hosts
) -> None:
    policy = simple
    assert once(policy, "--once").returncode == 0
    lab.open(5)
    first = once(policy, "--once")
    assert first.returncode == 1, first.stderr
    assert "port" in first.stdout
    assert once(policy, "--once").returncode == 1
    assert told.titles() == [f"deviates 127.88.0.5:{lab.port}"]
    lab.close(5)
    assert once(policy, "--once").returncode == 0
    assert [title.split()[0] for title in told.titles()] == ["deviates", "recovered"]


def test_once_leaves_nothing_held_back(simple: Path, told: Hook, lab: Hosts) -> None:
    simple.write_text(simple.read_text().replace("limit = 1000", 'limit = 1\nwithin = "10m"'))
    for number in (2, 3, 4, 5):
        lab.open(number)
    ended = once(simple, "--once")
    assert ended.returncode == 1, ended.stderr
    kinds = [one["kind"] for one in told.got]
    assert kinds[-1] == "summary", kinds
    assert all(f"127.88.0.{number}" in json.dumps(told.got) for number in (2, 3, 4, 5))


@pytest.mark.parametrize(("network", "status"), [("127.0.0.0/8", 0), ("10.0.0.0/8", 1)])
def test_where_the_watcher_itself_may_see_it_open(
    simple: Path, lab: Hosts, network: str, status: int
) -> None:
    simple.write_text(simple.read_text().replace('"closed"', f'"closed except from {network}"'))
    lab.open(2)
    ended = once(simple, "--once")
    assert ended.returncode == status, ended.stdout


def test_acknowledged_it_is_quiet_and_once_is_content(simple: Path, told: Hook, lab: Hosts) -> None:
    lab.open(5)
    assert once(simple, "--once").returncode == 1
    words = ["--by", "ann", "--note", "a test", "--for", "2h"]
    done = once(simple, "--acknowledge", str(told.got[0]["deviation_id"]), *words)
    assert done.returncode == 0, done.stderr
    assert "acknowledged by ann: 127.88.0.5" in done.stdout
    ended = once(simple, "--once", "--json")
    assert ended.returncode == 0
    assert json.loads(ended.stdout.splitlines()[-1])["acknowledged"] == 1
    assert len(told.got) == 1
    wrong = once(simple, "--acknowledge", "4711")
    assert (wrong.returncode, wrong.stderr) == (2, "nethood: there is no deviation 4711\n")


def test_what_cannot_be_checked_has_a_status_of_its_own(
    tmp_path: Path, told: Hook, lab: Hosts
) -> None:
    policy = write_policy(
        tmp_path / "p.toml",
        targets=lab.targets(1),
        url=told.url,
        state=f"sqlite:///{tmp_path / 'watch.sqlite'}",
        end=f'[groups.deep]\ntargets = ["127.88.0.9:{lab.port}"]\nsigning = "required"',
    )
    lab.open(9)  # accepts, and never says a word
    ended = once(policy, "--once")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "1 unknown" in ended.stdout


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("targets = ", "targets = [] #"), "target"),
        (('"closed"', '"shut"'), "445"),
        (("targets = ", 'targets = ["8.8.8.8"] #'), "public = true"),
        (("targets = ", 'targets = ["no-such-host.invalid"] #'), "no address is known"),
        (('url = "sqlite:///', 'url = "mysql://'), "sqlite and postgresql"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(
    simple: Path, change: tuple[str, str], sentence: str
) -> None:
    simple.write_text(simple.read_text().replace(*change))
    ended = once(simple, "--once")
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_channels_are_tried(simple: Path, told: Hook) -> None:
    ended = once(simple, "--test-alerts")
    assert ended.returncode == 0, ended.stderr
    assert [one["kind"] for one in told.got] == ["test"]
    assert "test to hook: delivered" in ended.stdout
    told.close()
    assert once(simple, "--test-alerts").returncode == 1


def test_metrics_tell_looks_and_where_everything_stands(
    simple: Path, lab: Hosts, told: Hook
) -> None:
    with watching(simple, "--metrics", "127.0.0.1:0") as watcher:
        place = watcher.wait_for("metrics at ").split()[-1]
        lab.open(1)
        until(lambda: told.got, "an alert")

        told_once = 'nethood_watch_alerts_total{channel="hook",result="delivered"}'
        until(lambda: metrics(place).get(told_once) == 1, "the alert in the metrics")
        found = metrics(place)
        assert found["nethood_watch_targets"] == 5
        assert found['nethood_watch_expectations{standing="deviating"}'] == 1
        assert found['nethood_watch_expectations{standing="as_expected"}'] == 4
        assert found["nethood_watch_looks_total"] >= 6
        assert abs(found["nethood_watch_last_look_timestamp_seconds"] - time.time()) < 30
        assert watcher.end() == 0


def test_a_port_that_is_taken_is_a_sentence(simple: Path, told: Hook) -> None:
    taken = told.url.split("//")[1].split("/")[0]
    ended = once(simple, "--metrics", taken)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"nethood: can't serve metrics on {taken}")


def test_json_lines_tell_of_changes(simple: Path, lab: Hosts) -> None:
    lab.open(1)
    ended = once(simple, "--once", "--json")
    lines: list[dict[str, Any]] = [json.loads(line) for line in ended.stdout.splitlines()]
    [change] = [line for line in lines if line["event"] == "change"]
    assert change["kind"] == "deviation"
    assert change["target"] == f"127.88.0.1:{lab.port}"
    assert lines[-1]["event"] == "summary"


def test_nothing_of_the_state_can_be_read_by_others(simple: Path, tmp_path: Path) -> None:
    assert once(simple, "--once").returncode == 0
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("watch.sqlite*")}
    assert modes
    assert not any(modes.values())
    with sqlite3.connect(tmp_path / "watch.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_default_state_is_in_the_users_directory(
    simple: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path / "home"))
    text = simple.read_text()
    simple.write_text(text[: text.index("[state]")])
    assert once(simple, "--once").returncode == 0
    assert (tmp_path / "home" / "nethood" / "watch.sqlite").exists()
