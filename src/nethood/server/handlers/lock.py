"""LOCK: byte-range locks, granted, refused or waited for ([MS-SMB2] 3.3.5.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.erref import STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER
from nethood.errors import StatusError
from nethood.fsa import locks
from nethood.server.deferred import Deferred
from nethood.server.files import answer_locks
from nethood.server.opens import find_file
from nethood.server.results import Outcome
from nethood.smb2.constants import SMB2_LOCKFLAG_UNLOCK
from nethood.smb2.lock import LockRequest

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_LOCKED = b"\x04\x00\x00\x00"


def handle_lock(connection: ClientConnection, request: Request) -> Outcome:
    """Lock or unlock ranges: the first element says which of the two a request is for."""
    asked = LockRequest.decode(request.message)
    opened = find_file(request, asked.persistent, asked.volatile)
    if not asked.locks:
        raise StatusError(STATUS_INVALID_PARAMETER)
    elements = [(lock.offset, lock.length, lock.flags) for lock in asked.locks]
    if elements[0][2] & SMB2_LOCKFLAG_UNLOCK:
        unlocked = locks.unlock(opened.fsa, elements)
        answer_locks(unlocked.granted, _LOCKED)
        return (unlocked.status, b"") if unlocked.status else _LOCKED
    most = connection.server.options.limits.locks_per_open
    if locks.held(opened.fsa) + len(elements) > most:
        raise StatusError(STATUS_INSUFFICIENT_RESOURCES)
    pending = locks.lock(opened.fsa, elements)
    if pending is None:
        return _LOCKED
    deferred = Deferred(lambda: _withdraw(pending))
    pending.context = deferred
    return deferred


def _withdraw(pending: locks.Pending) -> None:
    locks.cancel(pending)
    table = pending.open.file.locks
    if table is not None:
        answer_locks(table.grant(), _LOCKED)
