"""From errno to NTSTATUS: the one table for what the operating system answers.

Where the same errno means different things to a client (ENOTDIR while walking a path, EXDEV from a
look-up that tried to leave the share), the caller decides before it comes here.
"""

from __future__ import annotations

import errno

from nethood import erref
from nethood.errors import StatusError

_STATUS = {
    errno.EPERM: erref.STATUS_ACCESS_DENIED,
    errno.ENOENT: erref.STATUS_OBJECT_NAME_NOT_FOUND,
    errno.EIO: erref.STATUS_IO_DEVICE_ERROR,
    errno.ENXIO: erref.STATUS_ACCESS_DENIED,
    errno.EBADF: erref.STATUS_INVALID_HANDLE,
    errno.EAGAIN: erref.STATUS_SHARING_VIOLATION,
    errno.ENOMEM: erref.STATUS_INSUFFICIENT_RESOURCES,
    errno.EACCES: erref.STATUS_ACCESS_DENIED,
    errno.EBUSY: erref.STATUS_SHARING_VIOLATION,
    errno.EEXIST: erref.STATUS_OBJECT_NAME_COLLISION,
    errno.EXDEV: erref.STATUS_NOT_SAME_DEVICE,
    errno.ENODEV: erref.STATUS_ACCESS_DENIED,
    errno.ENOTDIR: erref.STATUS_OBJECT_PATH_NOT_FOUND,
    errno.EISDIR: erref.STATUS_FILE_IS_A_DIRECTORY,
    errno.EINVAL: erref.STATUS_INVALID_PARAMETER,
    errno.ENFILE: erref.STATUS_TOO_MANY_OPENED_FILES,
    errno.EMFILE: erref.STATUS_TOO_MANY_OPENED_FILES,
    errno.ETXTBSY: erref.STATUS_SHARING_VIOLATION,
    errno.EFBIG: erref.STATUS_FILE_TOO_LARGE,
    errno.ENOSPC: erref.STATUS_DISK_FULL,
    errno.EDQUOT: erref.STATUS_DISK_FULL,
    errno.EROFS: erref.STATUS_MEDIA_WRITE_PROTECTED,
    errno.EMLINK: erref.STATUS_TOO_MANY_LINKS,
    errno.ENAMETOOLONG: erref.STATUS_NAME_TOO_LONG,
    errno.ENOTEMPTY: erref.STATUS_DIRECTORY_NOT_EMPTY,
    errno.ELOOP: erref.STATUS_ACCESS_DENIED,
    errno.EILSEQ: erref.STATUS_OBJECT_NAME_INVALID,
    errno.ESTALE: erref.STATUS_FILE_CLOSED,
    errno.ETIMEDOUT: erref.STATUS_IO_TIMEOUT,
    errno.ENOSYS: erref.STATUS_NOT_SUPPORTED,
    errno.EOPNOTSUPP: erref.STATUS_NOT_SUPPORTED,
    errno.ENOTSUP: erref.STATUS_NOT_SUPPORTED,
}


def status_of(number: int) -> int:
    """Return the NTSTATUS for an errno; UNSUCCESSFUL where the table has none."""
    return _STATUS.get(number, erref.STATUS_UNSUCCESSFUL)


def error_of(error: OSError) -> StatusError:
    """Return the StatusError that says what *error* says, without the path."""
    return StatusError(status_of(error.errno or 0), error.strerror or str(error))
