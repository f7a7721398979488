"""Renaming and linking ([MS-FSA] 2.1.5.15.12 and 2.1.5.15.8)."""

from __future__ import annotations

from nethood.dtyp.access_mask import FILE_ADD_FILE
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
    STATUS_OBJECT_NAME_COLLISION,
)
from nethood.errors import StatusError
from nethood.fsa.names import parse_path
from nethood.fscc.attributes import FILE_ATTRIBUTE_READONLY
from nethood.fscc.name_info import FileLinkInformation, FileRenameInformation
from nethood.fscc.notify import FILE_ACTION_ADDED, FILE_NOTIFY_CHANGE_FILE_NAME
from nethood.server.files import complete_notify
from nethood.server.opens import FileOpen
from nethood.wire import Buffer


def set_rename(opened: FileOpen, data: Buffer) -> None:
    """Give an open file or directory another name, in place of another file where allowed."""
    asked = FileRenameInformation.decode(data)
    path = _target(opened, asked.file_name, asked.root_directory)
    files, node, fsa = opened.files, opened.node, opened.fsa
    files.table.check_rename(fsa, path)
    files.table.check_delete_pending(path)
    replaced: str | None = None
    try:
        stored = files.store.rename(node, path, replace=False)
    except StatusError as error:
        if error.status != STATUS_OBJECT_NAME_COLLISION:
            raise
        replaced = _check_replace(opened, path, replace=asked.replace_if_exists)
        stored = files.store.rename(node, path, replace=True)
    _renamed(opened, stored, replaced)


def _target(opened: FileOpen, name: str, root_directory: int) -> str:
    if root_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)
    if not opened.tree.maximal_access & FILE_ADD_FILE:
        raise StatusError(STATUS_ACCESS_DENIED)
    parsed = parse_path(name)
    if parsed.stream or parsed.stream_type:
        raise StatusError(STATUS_NOT_SUPPORTED)
    if not parsed.path:
        raise StatusError(STATUS_OBJECT_NAME_COLLISION)
    return parsed.path


def _check_replace(opened: FileOpen, path: str, *, replace: bool) -> str:
    """Check that what has the name now may give it up; return its path as stored."""
    existing = opened.files.store.open(path)
    try:
        opened.files.table.check_replace(
            existing.file_id,
            path,
            is_directory=existing.is_directory,
            read_only=existing.info().attributes & FILE_ATTRIBUTE_READONLY != 0,
            replace=replace,
        )
        return existing.path
    finally:
        existing.close()


def _renamed(opened: FileOpen, stored: str, replaced: str | None) -> None:
    """Let tables, watchers and all nodes of the file know its new name."""
    files, node, fsa = opened.files, opened.node, opened.fsa
    old = node.path
    files.table.rename(fsa, stored)
    node.path = stored
    for other in fsa.file.opens:
        if other.path == stored:
            other.context.node.path = stored
    if node.is_directory:
        files.watches.directory_renamed(old, stored)
    complete_notify(
        files.watches.report_rename(old, stored, is_directory=node.is_directory, replaced=replaced)
    )


def set_link(opened: FileOpen, data: Buffer) -> None:
    """Give an open file one more name."""
    asked = FileLinkInformation.decode(data)
    path = _target(opened, asked.file_name, asked.root_directory)
    files = opened.files
    files.table.check_delete_pending(path)
    try:
        files.store.link(opened.node, path, replace=False)
    except StatusError as error:
        if error.status != STATUS_OBJECT_NAME_COLLISION:
            raise
        _check_replace(opened, path, replace=asked.replace_if_exists)
        files.store.link(opened.node, path, replace=True)
    files.report(path, FILE_ACTION_ADDED, FILE_NOTIFY_CHANGE_FILE_NAME)
