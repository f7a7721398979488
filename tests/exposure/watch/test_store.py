from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from nethood.errors import LocalError
from nethood.exposure.watch import acknowledging, outbox, reading, requests, schema, writing
from nethood.exposure.watch.database import Database, StoreError
from nethood.exposure.watch.events import AlertKind, Fate
from nethood.exposure.watch.records import DeliveryState, Phase
from nethood.exposure.watch.store import Store
from tests.exposure.watch.worlds import NOW, World, policy_in


@pytest.fixture
async def world(url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world that has just begun, on each of the databases."""
    store = Store(url)
    made = World(store, policy_in(tmp_path))
    await made.start()
    yield made
    store.close()


def not_quiet(_group: str) -> bool:
    return False


async def open_ones(world: World) -> Sequence[Any]:
    return await world.store.call(reading.open_deviations, world.watcher.is_quiet)


async def test_a_confirmed_change_its_alert_and_its_state_are_stored_together(
    world: World,
) -> None:
    await world.deviate(NOW)
    [deviation] = await open_ones(world)
    assert (deviation.target, deviation.group, deviation.key) == ("10.9.0.1", "lab", "445")
    assert (deviation.first_seen_unix, deviation.confirmed_unix) == (NOW, NOW + 30)
    assert deviation.observed == "port 445 is open"
    assert deviation.phase is Phase.DEVIATING
    [delivery] = await world.store.call(outbox.deliveries, 10)
    assert (delivery.state, delivery.channel) == (DeliveryState.PENDING, "ops")
    history = await world.store.call(reading.host_history, "10.9.0.1", 10)
    assert history is not None
    assert [change.kind for change in history.changes] == ["deviation", "known"]
    assert history.changes[0].deviation_id == deviation.id
    assert history.last_checked_unix == NOW + 30
    assert history.report is not None
    assert history.report.port_is_open("tcp/445")
    assert {state.key: state.phase for state in history.states} == {
        "139": Phase.FINE,
        "445": Phase.DEVIATING,
    }


async def test_nothing_is_stored_or_told_of_a_suspicion_that_passes(world: World) -> None:
    world.look(NOW, tcp_445="open")
    world.look(NOW + 30)
    await world.watcher.flush()
    assert not await open_ones(world)
    assert not await world.store.call(outbox.deliveries, 10)


async def test_the_alert_names_the_deviation_so_that_it_can_be_acknowledged(world: World) -> None:
    await world.deviate(NOW)
    await world.deliver()
    [alert] = world.channel.got
    [deviation] = await open_ones(world)
    assert alert.deviation_id == deviation.id
    assert alert.kind is AlertKind.DEVIATES


async def test_recovery_ends_the_deviation_and_is_told(world: World) -> None:
    await world.deviate(NOW)
    [before] = await open_ones(world)
    world.look(NOW + 300)
    world.look(NOW + 330)
    await world.watcher.flush()
    assert not await open_ones(world)
    after = await world.store.call(reading.deviation, before.id, not_quiet)
    assert after is not None
    assert after.ended_unix == NOW + 330
    await world.deliver()
    assert [alert.kind for alert in world.channel.got] == [AlertKind.DEVIATES, AlertKind.RECOVERED]


async def test_after_a_crash_what_was_confirmed_is_known_and_not_told_again(world: World) -> None:
    await world.deviate(NOW)
    await world.deliver()
    await world.start()
    world.look(NOW + 300, tcp_445="open")
    await world.watcher.flush()
    await world.deliver()
    assert len(world.channel.got) == 1
    world.look(NOW + 600)
    world.look(NOW + 630)
    await world.watcher.flush()
    await world.deliver()
    assert [alert.kind for alert in world.channel.got] == [AlertKind.DEVIATES, AlertKind.RECOVERED]


async def test_what_was_not_stored_before_a_crash_is_confirmed_anew(world: World) -> None:
    world.look(NOW, tcp_445="open")
    world.look(NOW + 30, tcp_445="open")
    await world.start()  # the process was killed before it stored anything
    assert not await open_ones(world)
    await world.deviate(NOW + 60)
    await world.deliver()
    assert len(await open_ones(world)) == len(world.channel.got) == 1


async def test_a_batch_whose_commit_nobody_heard_of_is_stored_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = world.store.call

    async def deaf(*given: Any, **named: Any) -> Any:
        await call(*given, **named)
        raise StoreError("the connection was lost after the commit")

    world.look(NOW, tcp_445="open")
    world.look(NOW + 30, tcp_445="open")
    monkeypatch.setattr(world.store, "call", deaf)
    with pytest.raises(StoreError):
        await world.watcher.flush()
    world.look(NOW + 300)
    monkeypatch.setattr(world.store, "call", call)
    await world.watcher.flush()
    assert len(await open_ones(world)) == 1
    assert len(await call(outbox.deliveries, 10)) == 1
    assert [change.kind for change in await call(reading.changes, 10)].count("deviation") == 1


async def test_an_alert_that_was_being_sent_is_uncertain_after_a_crash(world: World) -> None:
    await world.deviate(NOW)
    due = await world.store.call(outbox.begin_due, "ops", time.time())
    assert due is not None
    await world.start()
    await world.deliver()
    assert not world.channel.got
    [delivery] = await world.store.call(outbox.deliveries, 10)
    assert delivery.state is DeliveryState.UNCERTAIN
    assert "not repeated" in delivery.error


async def test_an_alert_is_marked_before_it_goes(world: World) -> None:
    await world.deviate(NOW)
    seen = []

    class Looking:
        async def send(self, alert: Any) -> Any:
            seen.extend(await world.store.call(outbox.deliveries, 10))
            return await world.channel.send(alert)

    deliverer = world.deliverer()
    deliverer._channels = {"ops": Looking()}
    await deliverer.drain()
    assert [delivery.state for delivery in seen] == [DeliveryState.SENDING]


async def test_what_a_channel_refuses_is_tried_again_later_and_not_for_ever(world: World) -> None:
    world.channel.fates = [Fate.FAILED] * 50
    await world.deviate(NOW)
    await world.deliver()
    [delivery] = await world.store.call(outbox.deliveries, 10)
    assert (delivery.state, delivery.tries) == (DeliveryState.PENDING, 1)
    assert delivery.error == "as the test says"
    waits = []
    for _ in range(20):
        due_at = await world.store.call(outbox.next_due, "ops")
        if due_at is None:
            break
        waits.append(due_at)
        due = await world.store.call(outbox.begin_due, "ops", due_at)
        assert due is not None
        outcome = await world.channel.send(due.alert)
        await world.store.call(outbox.finish, due, outcome, due_at)
    gaps = [later - earlier for earlier, later in pairwise(waits)]
    assert gaps == sorted(gaps)
    [delivery] = await world.store.call(outbox.deliveries, 10)
    assert (delivery.state, delivery.tries) == (DeliveryState.FAILED, outbox.MOST_TRIES)


@pytest.mark.parametrize(
    ("fate", "state"),
    [
        (Fate.DELIVERED, DeliveryState.SENT),
        (Fate.SENT, DeliveryState.SENT),
        (Fate.REFUSED, DeliveryState.FAILED),
        (Fate.UNCERTAIN, DeliveryState.UNCERTAIN),
    ],
)
async def test_every_other_outcome_is_final(world: World, fate: Fate, state: DeliveryState) -> None:
    world.channel.fates = [fate]
    await world.deviate(NOW)
    await world.deliver()
    await world.deliver()
    assert world.delivered == [state]
    assert len(world.channel.got) == 1


async def test_the_alerts_of_a_channel_go_in_their_order(world: World) -> None:
    await world.deviate(NOW, 0)
    await world.deviate(NOW, 1)
    await world.deviate(NOW, 2)
    await world.deliver()
    told = [alert.subject.target for alert in world.channel.got if alert.subject]
    assert told == ["10.9.0.1", "10.9.0.2", "10.9.0.3"]


async def test_too_many_at_once_become_one_summary(url: str, tmp_path: Path) -> None:
    store = Store(url)
    world = World(store, policy_in(tmp_path, count=30))
    await world.start()
    for index in range(30):
        world.look(NOW, index, tcp_445="open")
        world.look(NOW + 30, index, tcp_445="open")
    await world.watcher.flush()
    await world.deliver()
    assert not world.channel.got
    held = [delivery.state for delivery in await store.call(outbox.deliveries, 100)]
    assert held == [DeliveryState.HELD] * 30
    await store.call(outbox.release_held, world.policy.flood, time.time() + 301)
    due = await store.call(outbox.begin_due, "ops", time.time() + 302)
    assert due is not None
    assert due.alert.kind is AlertKind.SUMMARY
    assert len(due.alert.members) == 30
    store.close()


async def test_what_waits_for_a_channel_that_is_gone_is_given_up_and_says_so(
    world: World,
) -> None:
    await world.deviate(NOW)
    await world.store.call(outbox.drop_channels, ["mail"], NOW)
    [delivery] = await world.store.call(outbox.deliveries, 10)
    assert delivery.state is DeliveryState.FAILED
    assert delivery.error == outbox.NO_CHANNEL
    await world.deliver()
    assert not world.channel.got


async def test_acknowledged_it_stays_quiet_and_is_shown_so(world: World) -> None:
    await world.deviate(NOW)
    [deviation] = await open_ones(world)
    await acknowledging.acknowledge(world.watcher, deviation.id, "ann", "a test bench", None)
    await world.watcher.flush()
    [shown] = await open_ones(world)
    assert shown.acknowledgement is not None
    assert (shown.acknowledgement.by, shown.acknowledgement.note) == ("ann", "a test bench")
    assert await world.store.call(reading.count_acknowledged) == 1
    await world.start()
    world.look(NOW + 300, tcp_445="open")
    await world.watcher.flush()
    [shown] = await open_ones(world)
    assert shown.acknowledgement is not None
    await acknowledging.withdraw(world.watcher, deviation.id)
    await world.watcher.flush()
    [shown] = await open_ones(world)
    assert shown.acknowledgement is None


async def test_what_is_over_or_never_was_cannot_be_acknowledged(world: World) -> None:
    with pytest.raises(LocalError, match="there is no deviation 77"):
        await acknowledging.acknowledge(world.watcher, 77, "ann", "", None)
    await world.deviate(NOW)
    [deviation] = await open_ones(world)
    world.look(NOW + 300)
    world.look(NOW + 330)
    await world.watcher.flush()
    with pytest.raises(LocalError, match="is over"):
        await acknowledging.acknowledge(world.watcher, deviation.id, "ann", "", None)


async def test_another_process_may_ask_for_an_acknowledgement(world: World, url: str) -> None:
    await world.deviate(NOW)
    [deviation] = await open_ones(world)
    beside = Database(url, beside=True)
    with beside.transaction() as connection:
        requests.leave(connection, requests.Request(deviation.id, "bob", "mine", NOW + 40))
    beside.close()
    notices: list[str] = []
    assert await acknowledging.take_requests(world.watcher, notices.append)
    await world.watcher.flush()
    [shown] = await open_ones(world)
    assert shown.acknowledgement is not None
    assert shown.acknowledgement.by == "bob"
    assert not await acknowledging.take_requests(world.watcher, notices.append)
    assert not notices


async def test_a_policy_that_expects_less_ends_what_deviated_of_the_rest(
    world: World, tmp_path: Path
) -> None:
    await world.deviate(NOW)
    await world.deviate(NOW, 2)
    await world.start(policy_in(tmp_path, count=2), NOW + 100)
    left = await open_ones(world)
    assert [deviation.target for deviation in left] == ["10.9.0.1"]
    total, _ = await world.store.call(reading.hosts, "", "", 0, 10)
    assert total == 2
    gone = await world.store.call(reading.host_history, "10.9.0.3", 10)
    assert gone is not None
    assert gone.changes[0].observed == "no longer in the policy"


async def test_hosts_come_worst_first_and_can_be_searched(world: World) -> None:
    await world.deviate(NOW, 2)
    world.look(NOW, 0)
    await world.watcher.flush()
    total, lines = await world.store.call(reading.hosts, "", "", 0, 10)
    assert total == 3
    phases = {line.target: line.phase for line in lines}
    assert phases == {
        "10.9.0.3": Phase.DEVIATING,
        "10.9.0.2": Phase.NEW,
        "10.9.0.1": Phase.FINE,
    }
    assert [line.target for line in lines] == ["10.9.0.3", "10.9.0.2", "10.9.0.1"]
    assert lines[0].deviating == 1
    total, lines = await world.store.call(reading.hosts, "lab", "0.3", 0, 10)
    assert [line.target for line in lines] == ["10.9.0.3"]
    assert await world.store.call(reading.hosts, "", "%", 0, 10) == (0, [])


async def test_looks_leave_no_rows_behind(world: World) -> None:
    world.look(NOW)
    await world.watcher.flush()

    def rows(connection: Connection) -> int:
        tables = [table for table in schema.metadata.sorted_tables]
        return sum(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        )

    before = await world.store.call(rows)
    for n in range(1, 50):
        world.look(NOW + 300 * n)
        await world.watcher.flush()
    assert await world.store.call(rows) == before
    assert await world.store.call(reading.last_checked, "10.9.0.1") == NOW + 300 * 49


async def test_history_is_forgotten_after_its_time_but_not_what_lasts(world: World) -> None:
    await world.deviate(NOW, 0)
    await world.deviate(NOW, 1)
    world.look(NOW + 300, 1)
    world.look(NOW + 330, 1)
    await world.watcher.flush()
    await world.store.call(writing.prune, NOW + 1000)
    assert not await world.store.call(reading.changes, 10)
    [left] = await open_ones(world)
    assert left.target == "10.9.0.1"


async def test_maintenance_is_stored_as_such_and_told_to_nobody(url: str, tmp_path: Path) -> None:
    window = '[[maintenance]]\nstart = "2027-01-15T00:00:00"\nend = "2027-01-15T12:00:00"'
    store = Store(url)
    world = World(store, policy_in(tmp_path, end=window))
    await world.start()
    await world.deviate(NOW)
    [deviation] = await open_ones(world)
    assert deviation.in_maintenance
    assert not await store.call(outbox.deliveries, 10)
    [change, *_] = await store.call(reading.changes, 10)
    assert change.quiet == "in maintenance"
    world.watcher.let_time_pass(NOW + 86400)
    await world.watcher.flush()
    await world.deliver()
    assert [alert.kind for alert in world.channel.got] == [AlertKind.DEVIATES]
    store.close()


async def test_while_the_store_is_gone_everything_waits_in_its_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = world.store.call

    async def broken(*_given: Any, **_named: Any) -> Any:
        raise StoreError("the disk is full")

    monkeypatch.setattr(world.store, "call", broken)
    world.look(NOW, tcp_445="open")
    world.look(NOW + 30, tcp_445="open")
    with pytest.raises(StoreError):
        await world.watcher.flush()
    world.look(NOW + 300)
    world.look(NOW + 330)
    with pytest.raises(StoreError):
        await world.watcher.flush()
    assert not world.told
    monkeypatch.setattr(world.store, "call", call)
    await world.watcher.flush()
    kinds = [change.kind for change in await call(reading.changes, 10)]
    assert kinds == ["recovery", "deviation", "known"]
    await world.deliver()
    assert [alert.kind for alert in world.channel.got] == [AlertKind.DEVIATES, AlertKind.RECOVERED]


async def test_flushing_twice_at_once_keeps_the_order(world: World) -> None:
    world.look(NOW, tcp_445="open")
    world.look(NOW + 30, tcp_445="open")
    first = asyncio.create_task(world.watcher.flush())
    await asyncio.sleep(0)
    world.look(NOW + 300)
    world.look(NOW + 330)
    await asyncio.gather(first, world.watcher.flush())
    assert [t.kind.value for t in world.told] == ["deviation", "recovery"]


async def test_a_state_of_another_version_is_seen_anew(world: World) -> None:
    await world.deviate(NOW)

    def spoil(connection: Connection) -> None:
        connection.execute(text("UPDATE watch_state SET machine = '{\"v\": 99}'"))

    await world.store.call(spoil)
    await world.start()
    world.look(NOW + 300)
    await world.watcher.flush()
    assert not await open_ones(world)
