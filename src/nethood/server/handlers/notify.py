"""CHANGE_NOTIFY: wait until something happens in a directory ([MS-SMB2] 3.3.5.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.erref import STATUS_INVALID_PARAMETER
from nethood.errors import StatusError
from nethood.server.deferred import Deferred
from nethood.server.files import notify_result
from nethood.server.handlers.io import check_charge
from nethood.server.opens import FileOpen, find_file
from nethood.server.results import Outcome
from nethood.smb2.change_notify import ChangeNotifyRequest

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_WATCH_TREE = 0x0001


class Watching(Deferred):
    """A CHANGE_NOTIFY that waits; *room* is how many bytes its answer may have."""

    __slots__ = ("room",)

    def __init__(self, opened: FileOpen, room: int) -> None:
        super().__init__(lambda: self._withdraw(opened))
        self.room = room

    def _withdraw(self, opened: FileOpen) -> None:
        opened.files.watches.cancel(opened.fsa, self)


def handle_change_notify(connection: ClientConnection, request: Request) -> Outcome:
    """Answer with what has changed already, or wait."""
    asked = ChangeNotifyRequest.decode(request.message, 64)
    check_charge(connection, request, asked.output_buffer_length)
    opened = find_file(request, asked.persistent, asked.volatile)
    if not opened.is_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)
    watching = Watching(opened, asked.output_buffer_length)
    completion = opened.files.watches.watch(
        opened.fsa,
        asked.completion_filter,
        asked.flags & _WATCH_TREE != 0,
        asked.output_buffer_length,
        watching,
    )
    if completion is not None:
        return notify_result(completion, asked.output_buffer_length)
    return watching
