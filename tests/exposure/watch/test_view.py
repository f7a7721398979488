from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nethood.errors import LocalError
from nethood.exposure.watch.daemon import Daemon, open_store, read_plan
from nethood.exposure.watch.live_view import LiveView, one_target
from nethood.exposure.watch.session import Listener
from nethood.exposure.watch.view import WatchView
from tests.exposure.watch.processes import Hosts, hosts, write_policy


@pytest.fixture
def lab() -> Iterator[Hosts]:
    with hosts("127.90.0") as made:
        yield made


@pytest.fixture
async def view(tmp_path: Path, lab: Hosts) -> AsyncIterator[WatchView]:
    """The view of a daemon that runs in this process; host 2 has its port open."""
    lab.open(2)
    policy = write_policy(
        tmp_path / "policy.toml",
        targets=lab.targets(4),
        url="http://127.0.0.1:9/",
        state=f"sqlite:///{tmp_path / 'watch.sqlite'}",
    )
    plan = read_plan(policy)
    store = open_store(plan.policy)
    notices: list[str] = []
    daemon = Daemon(plan, store, Listener(lambda _t: None, lambda *_: None, notices.append))
    running = asyncio.create_task(daemon.run())
    await daemon.ready.wait()
    made: LiveView = daemon.view
    yield made
    daemon.stop()
    await running
    store.close()
    assert not notices


async def until(condition: Callable[[], Any]) -> Any:
    async with asyncio.timeout(20):
        while not (value := await condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return value


async def test_the_overview_counts_and_lists(view: WatchView) -> None:
    await until(view.open_deviations)
    overview = await view.overview()
    assert (overview.targets, overview.deviating, overview.fine) == (4, 1, 3)
    assert overview.not_looked_at == 0
    assert [one.target.split(":")[0] for one in overview.open] == ["127.90.0.2"]
    assert overview.every_s == 1
    assert overview.watching_unix is not None
    assert abs(overview.watching_unix - time.time()) < 20
    [group] = overview.groups
    assert (group.name, group.targets, group.deviating) == ("lab", 4, 1)


async def test_news_come_with_the_change_and_not_before(view: WatchView, lab: Hosts) -> None:
    await until(view.open_deviations)
    seen = await view.wait_for_news(0, 0.0)
    waiting = asyncio.create_task(view.wait_for_news(seen, 20))
    lab.close(2)
    assert await waiting > seen
    async with asyncio.timeout(20):
        while await view.open_deviations():
            seen = await view.wait_for_news(seen, 5)


async def test_acknowledging_is_stored_when_it_returns(view: WatchView) -> None:
    [deviation] = await until(view.open_deviations)
    made = await view.acknowledge(deviation.id, "ann", "known", time.time() + 3600)
    assert made.by == "ann"
    shown = await view.deviation(deviation.id)
    assert shown is not None
    assert shown.acknowledgement == made
    assert (await view.overview()).acknowledged == 1
    await view.withdraw(deviation.id)
    shown = await view.deviation(deviation.id)
    assert shown is not None
    assert shown.acknowledgement is None
    with pytest.raises(LocalError, match="is not acknowledged"):
        await view.withdraw(deviation.id)


async def test_a_host_can_be_looked_at_in_full_now(view: WatchView) -> None:
    heard: list[str] = []
    report = await view.examine("127.90.0.3", lambda name, _answer: heard.append(name))
    assert report.target.address == "127.90.0.3"
    assert {"tcp/445", "tcp/139", "netbios", "smb1"} <= set(heard)


async def test_history_and_last_look_of_a_host(view: WatchView) -> None:
    [deviation] = await until(view.open_deviations)
    history = await view.host_history(deviation.target)
    assert history is not None
    assert history.changes[0].kind == "deviation"
    assert await view.last_checked(deviation.target) is not None
    assert await view.host_history("10.99.99.99") is None
    total, lines = await view.hosts(search="127.90.0.2")
    assert (total, lines[0].target) == (1, deviation.target)
    assert [change.kind for change in await view.changes(5)].count("deviation") == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("@/etc/hosts", "name one host here"),
        ("10.0.0.0/24", "is 254 hosts"),
        ("8.8.8.8", "public = true in the policy"),
        ("no-such-host.invalid", "no address is known"),
        ("", "is no target"),
    ],
)
def test_what_is_no_single_target_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(LocalError, match=sentence):
        one_target(text, public=False)
