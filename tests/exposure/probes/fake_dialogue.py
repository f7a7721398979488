"""A logged-on conversation that is none: shares and pipes are tables of what a server says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from nethood.erref import STATUS_OBJECT_NAME_NOT_FOUND
from nethood.errors import Error, StatusError
from nethood.exposure.dialogue import SmbDialogue
from nethood.rpc.srvsvc_client import ShareEnumAnswer, ShareInfo


@dataclass
class FakeTree:
    """A connected share."""

    maximal_access: int = 0


@dataclass
class FakeDialogue:
    """What the server answers: errors are raised, the rest is returned."""

    ipc: Error | None = None
    listed: ShareEnumAnswer | Error = field(default_factory=lambda: answer_of())
    access: dict[str, int | Error] = field(default_factory=dict)
    pipes: dict[str, Error | None] = field(default_factory=dict)
    received: bytes = b"\xfeSMB"
    connected: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    async def connect_ipc(self) -> FakeTree:
        if self.ipc is not None:
            raise self.ipc
        return FakeTree()

    async def share_enum(self) -> ShareEnumAnswer:
        if isinstance(self.listed, Error):
            raise self.listed
        return self.listed

    async def tree_connect(self, share: str) -> FakeTree:
        self.connected.append(share)
        access = self.access.get(share, 0)
        if isinstance(access, Error):
            raise access
        return FakeTree(access)

    async def open_pipe(self, name: str) -> str:
        self.opened.append(name)
        missing = StatusError(STATUS_OBJECT_NAME_NOT_FOUND, "there is none")
        error = self.pipes.get(name, missing)
        if error is not None:
            raise error
        return name

    async def close_file(self, pipe: str) -> None:
        self.closed.append(pipe)

    @property
    def real(self) -> SmbDialogue:
        """This, in the type that probes take."""
        return cast(SmbDialogue, self)


def answer_of(*shares: ShareInfo, status: int = 0) -> ShareEnumAnswer:
    """Return a list of shares as NetrShareEnum gives it."""
    return ShareEnumAnswer(status, list(shares), len(shares), 0)
