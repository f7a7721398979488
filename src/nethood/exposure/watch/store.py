"""The store of a watcher: everything it must not forget, in SQLite or PostgreSQL.

    store = Store(url)
    ids, tracked = await store.call(syncing.sync, wanted, now)

Reading, writing and the outbox are functions of their own modules, each given the connection
within one transaction. They run one after the other in one thread, so that the event loop waits
for no disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from nethood.exposure.watch.database import Database

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """An open store, ours alone until it is closed."""

    def __init__(self, url: str) -> None:
        """Open or make it. Raises LocalError, see `Database`."""
        self.database = Database(url)
        self._thread = ThreadPoolExecutor(1, "store")

    @property
    def where(self) -> str:
        """What the store is, for people: its URL without a password."""
        return self.database.where

    async def call(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *function* within one transaction, and return what it does. Raises StoreError.

        When cancelled, what was begun is done nevertheless.
        """

        def work() -> T:
            with self.database.transaction() as connection:
                return function(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Finish what was begun, and close the store."""
        self._thread.shutdown()
        self.database.close()
