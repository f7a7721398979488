"""The decisions of a CREATE that need nothing but its numbers.

[MS-FSA] 2.1.5.1 phase 1, 2.1.5.1.1, 2.1.5.1.2 and 2.1.5.1.2.1, [MS-SMB2] 2.2.13 and 3.3.5.9. Each
function raises StatusError or returns; the order in which a server calls them is the order here.
"""

from __future__ import annotations

from nethood import erref
from nethood.dtyp.access_mask import (
    ACCESS_SYSTEM_SECURITY,
    DELETE,
    FILE_APPEND_DATA,
    FILE_DELETE_CHILD,
    FILE_WRITE_ATTRIBUTES,
    FILE_WRITE_DATA,
    FILE_WRITE_EA,
    GENERIC_ALL,
    MAXIMUM_ALLOWED,
    SYNCHRONIZE,
    map_generic,
)
from nethood.errors import StatusError
from nethood.fsa import flags as f
from nethood.fscc.attributes import (
    FILE_ATTRIBUTE_ENCRYPTED,
    FILE_ATTRIBUTE_HIDDEN,
    FILE_ATTRIBUTE_READONLY,
    FILE_ATTRIBUTE_SYSTEM,
    FILE_ATTRIBUTE_TEMPORARY,
)

INVALID_ACCESS = 0x0CE0FE00
"""Bits no DesiredAccess may have ([MS-FSA] 2.1.5.1)."""
VALID_ATTRIBUTES = 0x00007FB7
"""Attributes Windows takes in a CREATE; narrower than [MS-FSCC] 2.6, as its I/O manager is."""
VALID_OPTIONS = 0x00FFFFFF

IGNORED_OPTIONS = (
    f.FILE_COMPLETE_IF_OPLOCKED
    | f.FILE_SYNCHRONOUS_IO_ALERT
    | f.FILE_SYNCHRONOUS_IO_NONALERT
    | f.FILE_OPEN_FOR_FREE_SPACE_QUERY
)
"""Options a server sets to zero ([MS-SMB2] 3.3.5.9 "Open Execution")."""

_UNSUPPORTED_OPTIONS = (
    f.FILE_CREATE_TREE_CONNECTION | f.FILE_OPEN_BY_FILE_ID | f.FILE_RESERVE_OPFILTER
)
_DIRECTORY_OPTIONS = (
    f.FILE_DIRECTORY_FILE
    | IGNORED_OPTIONS
    | f.FILE_WRITE_THROUGH
    | f.FILE_OPEN_REMOTE_INSTANCE
    | f.FILE_OPEN_FOR_BACKUP_INTENT
    | f.FILE_DELETE_ON_CLOSE
    | f.FILE_NO_COMPRESSION
    | f.FILE_OPEN_REPARSE_POINT
    | f.FILE_OPEN_REQUIRING_OPLOCK
)
_DIRECTORY_DISPOSITIONS = (f.FILE_OPEN, f.FILE_CREATE, f.FILE_OPEN_IF)
_NEEDS_A_LOOK = (
    ~VALID_OPTIONS | _UNSUPPORTED_OPTIONS | f.FILE_DIRECTORY_FILE | f.FILE_DELETE_ON_CLOSE
)
_ACTIONS: tuple[tuple[int, int], ...] = (
    # by disposition: what happens to a name that is free, and to one that is taken
    (f.FILE_CREATED, f.FILE_SUPERSEDED),
    (-erref.STATUS_OBJECT_NAME_NOT_FOUND, f.FILE_OPENED),
    (f.FILE_CREATED, -erref.STATUS_OBJECT_NAME_COLLISION),
    (f.FILE_CREATED, f.FILE_OPENED),
    (-erref.STATUS_OBJECT_NAME_NOT_FOUND, f.FILE_OVERWRITTEN),
    (f.FILE_CREATED, f.FILE_OVERWRITTEN),
)
_NOT_ON_READ_ONLY = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD


def check_create_options(
    desired_access: int, attributes: int, share_access: int, disposition: int, options: int
) -> None:
    """Check the numbers of a CREATE for a file or directory. Raises StatusError.

    ACCESS_DENIED for an empty or impossible access, INVALID_PARAMETER for values that do not exist
    or do not go together, NOT_SUPPORTED for options no server offers. Access comes first: Windows
    answers so where several are wrong. SYNCHRONIZE alone is access enough, as for Windows 7.
    """
    if desired_access & INVALID_ACCESS or not desired_access:
        raise StatusError(erref.STATUS_ACCESS_DENIED, f"access 0x{desired_access:08X} is invalid")
    if (
        attributes & ~VALID_ATTRIBUTES
        or share_access & ~f.FILE_SHARE_ALL
        or disposition > f.FILE_OVERWRITE_IF
    ):
        raise StatusError(
            erref.STATUS_INVALID_PARAMETER, "attributes, share access or disposition are invalid"
        )
    if options & _NEEDS_A_LOOK:
        _check_options(desired_access, disposition, options)


def _check_options(desired_access: int, disposition: int, options: int) -> None:
    if options & ~VALID_OPTIONS:
        raise StatusError(erref.STATUS_INVALID_PARAMETER, f"options 0x{options:08X} are invalid")
    if options & _UNSUPPORTED_OPTIONS:
        raise StatusError(erref.STATUS_NOT_SUPPORTED, f"options 0x{options:08X} are not supported")
    if options & f.FILE_DELETE_ON_CLOSE and not desired_access & (DELETE | GENERIC_ALL):
        raise StatusError(erref.STATUS_INVALID_PARAMETER, "DELETE_ON_CLOSE asks for DELETE")
    if options & f.FILE_DIRECTORY_FILE and (
        options & ~_DIRECTORY_OPTIONS or disposition not in _DIRECTORY_DISPOSITIONS
    ):
        raise StatusError(erref.STATUS_INVALID_PARAMETER, "not possible for a directory")


def disposition_action(disposition: int, exists: bool) -> int:
    """Return the CreateAction of *disposition* for a name that exists or does not.

    *disposition* has been checked. Raises StatusError: OBJECT_NAME_NOT_FOUND,
    OBJECT_NAME_COLLISION.
    """
    action = _ACTIONS[disposition][exists]
    if action < 0:
        raise StatusError(-action)
    return action


def check_type(
    is_directory: bool, disposition: int, options: int, *, is_root: bool = False
) -> None:
    """Check what exists against what is asked for. Raises StatusError.

    A file where a directory is wanted: OBJECT_NAME_COLLISION for FILE_CREATE, NOT_A_DIRECTORY
    otherwise. A directory where a file is wanted: FILE_IS_A_DIRECTORY. A directory that would
    be created anew or overwritten: OBJECT_NAME_COLLISION, ACCESS_DENIED for the root.
    """
    if not is_directory:
        if options & f.FILE_DIRECTORY_FILE:
            raise StatusError(
                erref.STATUS_OBJECT_NAME_COLLISION
                if disposition == f.FILE_CREATE
                else erref.STATUS_NOT_A_DIRECTORY
            )
        return
    if options & f.FILE_NON_DIRECTORY_FILE:
        raise StatusError(erref.STATUS_FILE_IS_A_DIRECTORY)
    if disposition not in (f.FILE_OPEN, f.FILE_OPEN_IF):
        raise StatusError(
            erref.STATUS_ACCESS_DENIED if is_root else erref.STATUS_OBJECT_NAME_COLLISION
        )


def check_new(attributes: int, options: int, *, is_directory: bool) -> None:
    """Check what is about to be created ([MS-FSA] 2.1.5.1.1). Raises StatusError.

    ACCESS_DENIED for ENCRYPTED, as no store encrypts; INVALID_PARAMETER for a temporary directory;
    CANNOT_DELETE for READONLY with DELETE_ON_CLOSE.
    """
    if attributes & FILE_ATTRIBUTE_ENCRYPTED:
        raise StatusError(erref.STATUS_ACCESS_DENIED, "no store encrypts files")
    if is_directory and attributes & FILE_ATTRIBUTE_TEMPORARY:
        raise StatusError(erref.STATUS_INVALID_PARAMETER, "no directory is temporary")
    if attributes & FILE_ATTRIBUTE_READONLY and options & f.FILE_DELETE_ON_CLOSE:
        raise StatusError(erref.STATUS_CANNOT_DELETE, "read-only and DELETE_ON_CLOSE exclude")


def check_existing(
    desired_access: int, options: int, file_attributes: int, *, is_directory: bool
) -> None:
    """Check what is about to be opened for being read-only ([MS-FSA] 2.1.5.1.2.1).

    *desired_access* is free of generic rights. Raises StatusError: ACCESS_DENIED for writing to it,
    CANNOT_DELETE for DELETE_ON_CLOSE.
    """
    if not file_attributes & FILE_ATTRIBUTE_READONLY:
        return
    if not is_directory and desired_access & (FILE_WRITE_DATA | FILE_APPEND_DATA):
        raise StatusError(erref.STATUS_ACCESS_DENIED, "the file is read-only")
    if options & f.FILE_DELETE_ON_CLOSE:
        raise StatusError(erref.STATUS_CANNOT_DELETE, "the file is read-only")


def check_overwrite(attributes: int, file_attributes: int) -> None:
    """Check the attributes of what is about to be overwritten ([MS-FSA] 2.1.5.1.2).

    A hidden or system file is overwritten only by one who says he knows it; a read-only one not at
    all. Raises StatusError(ACCESS_DENIED).
    """
    guarded = file_attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM)
    if guarded & ~attributes or file_attributes & FILE_ATTRIBUTE_READONLY:
        raise StatusError(erref.STATUS_ACCESS_DENIED, "hidden, system and read-only are kept")


def overwrite_access(disposition: int) -> int:
    """Return the rights to an existing file that overwriting it takes beside those asked for."""
    if disposition == f.FILE_SUPERSEDE:
        return DELETE | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES
    if disposition in (f.FILE_OVERWRITE, f.FILE_OVERWRITE_IF):
        return FILE_WRITE_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES
    return 0


def grant_access(
    desired_access: int, maximal_access: int, *, read_only: bool = False, extra: int = 0
) -> int:
    """Return the rights an open gets: those asked for, or all there are for MAXIMUM_ALLOWED.

    *maximal_access* is what the user may do with the file. *read_only*: FILE_ATTRIBUTE_READONLY is
    set, so MAXIMUM_ALLOWED does not include writing. *extra* are rights that must be had but are
    not granted (overwrite_access()). SYNCHRONIZE is always granted.
    Raises StatusError: ACCESS_DENIED, PRIVILEGE_NOT_HELD for ACCESS_SYSTEM_SECURITY.
    """
    desired = map_generic(desired_access)
    wanted = desired & ~MAXIMUM_ALLOWED
    missing = (wanted | extra) & ~(maximal_access | SYNCHRONIZE)
    if missing:
        if missing & ACCESS_SYSTEM_SECURITY:
            raise StatusError(erref.STATUS_PRIVILEGE_NOT_HELD, "audit lists are not accessible")
        raise StatusError(erref.STATUS_ACCESS_DENIED, f"0x{missing:08X} is not allowed")
    if desired & MAXIMUM_ALLOWED:
        return wanted | (maximal_access & ~_NOT_ON_READ_ONLY if read_only else maximal_access)
    return wanted
