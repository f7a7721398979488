"""The shape of what a store knows of a file, so that this folder need not know any store."""

from __future__ import annotations

from typing import Protocol


class Info(Protocol):
    """What the encoders read: `nethood.store.base.Info` fits. Times are FILETIMEs, sizes bytes."""

    file_id: int
    is_directory: bool
    size: int
    allocation_size: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    attributes: int
    link_count: int
