"""Partners are pulled from and told of changes only as the configuration has it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address

from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import NameServer
from nethood.nbt.wins_replica import Replication
from nethood.neighborhood.wins_replication import PULL_S, ReplicationConfig, Replicator

OWN, NEAR, FAR = (IPv4Address(f"127.0.0.{n}") for n in (21, 22, 23))
BOTH = ReplicationConfig(OWN, (NEAR, FAR), 0, push_delay_s=0)


class Watched(Replicator):
    """Notes whom it would speak to, and speaks to nobody."""

    def __init__(self, config: ReplicationConfig) -> None:
        server = NameServer(SourceLimit(()), lambda: 1)
        replication = Replication(server, OWN)
        super().__init__(config, replication, lambda _: None, lambda: 0.0, lambda _: None)
        self.server = server
        self.did: list[tuple[str, IPv4Address]] = []
        self.news = asyncio.Event()

    async def pull(self, partner: IPv4Address) -> None:
        self._note("pull", partner)

    async def push(self, partner: IPv4Address) -> None:
        self._note("push", partner)

    def _note(self, what: str, partner: IPv4Address) -> None:
        self.did.append((what, partner))
        self.news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.did) < count:
                self.news.clear()
                await self.news.wait()


async def did(config: ReplicationConfig, count: int) -> list[tuple[str, IPv4Address]]:
    """Return the first *count* things done at the start and after a change."""
    replicator = Watched(config)
    await replicator.start()
    replicator.server.version += 1
    replicator.changed()
    await replicator.until(count)
    await replicator.close()
    return replicator.did


async def test_all_partners_unless_something_else_is_said() -> None:
    assert BOTH.intervals_s() == {NEAR: PULL_S, FAR: PULL_S}
    assert await did(BOTH, 4) == [
        ("pull", NEAR),
        ("pull", FAR),
        ("push", NEAR),
        ("push", FAR),
    ]


async def test_one_is_pulled_from_and_the_other_told() -> None:
    config = replace(BOTH, pull_from={NEAR: 60.0}, push_to=(FAR,))
    assert await did(config, 2) == [("pull", NEAR), ("push", FAR)]


async def test_each_partner_has_its_interval() -> None:
    config = replace(BOTH, pull_from={NEAR: 0.01, FAR: 3600.0}, push_to=())
    pulls = await did(config, 6)
    assert pulls.count(("pull", FAR)) == 1
    assert pulls.count(("pull", NEAR)) >= 5
