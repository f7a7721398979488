"""Walk a local directory: its names at once, what is known of each one as it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nethood.store import dos_attributes, names
from nethood.store.base import Entry, Info
from nethood.store.portable import DEV_MAJOR, DEV_MINOR, INO, MODE, O_CLOEXEC, O_PATH, Stat

if TYPE_CHECKING:
    from nethood.store.local import LocalStore
    from nethood.store.local_node import LocalNode

_TYPE = 0o170000
_FILE, _FOLDER, _LINK = 0o100000, 0o040000, 0o120000


def entries(store: LocalStore, node: LocalNode) -> Iterator[Entry]:
    """Yield the entries of *node* in the order the folder has them now; vanished ones are left out,
    and so is what is neither file nor directory, and any link that leads out or nowhere.

    The loop is laid out for speed: a folder of thousands is the slowest thing a client waits for.
    """
    try:
        stored = names.list_names(node.fd)
    except OSError as error:
        raise node.failure(error) from None
    shown, _ = names.shown_names(stored)
    look_at, info_of, root = store.records.look_at, dos_attributes.info_of, store.root_stat
    for name, on_disk in zip(shown, stored, strict=True):
        disk = on_disk.encode("utf-8", "surrogateescape")
        try:
            stat, xattr = look_at(node.fd, disk)
        except OSError:
            continue
        kind = stat[MODE] & _TYPE
        if kind in (_FILE, _FOLDER):
            same = stat[DEV_MAJOR] == root[DEV_MAJOR] and stat[DEV_MINOR] == root[DEV_MINOR]
            file_id = (stat[INO] or 1) if same else dos_attributes.file_id_of(stat, root)
            yield Entry(name, info_of(stat, xattr, name[0] == ".", file_id))
        elif kind == _LINK and (info := _linked(store, node, name)) is not None:
            yield Entry(name, info)


def _linked(store: LocalStore, node: LocalNode, name: str) -> Info | None:
    """Return what a link inside the share leads to, None where it can't be opened."""
    if not store.system.follow:
        return None
    path = names.to_disk(f"{node.path}/{name}" if node.path else name)
    fd = store.system.open_beneath(path, O_PATH | O_CLOEXEC | os.O_NONBLOCK * (not O_PATH))
    if fd < 0:
        return None
    try:
        stat: Stat = store.system.stat_fd(fd)
        if stat[MODE] & _TYPE not in (_FILE, _FOLDER):
            return None
        xattr = store.records.read_path(store.system.handle_path(fd), stat)
        file_id = dos_attributes.file_id_of(stat, store.root_stat)
        return dos_attributes.info_of(stat, xattr, name[0] == ".", file_id)
    except OSError:
        return None
    finally:
        os.close(fd)
