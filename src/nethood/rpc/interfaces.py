"""Which named pipes there are, and which RPC interfaces answer behind each."""

from __future__ import annotations

from collections.abc import Mapping

from nethood.rpc.association import Associations
from nethood.rpc.call import Interface
from nethood.rpc.dssetup import DSSETUP
from nethood.rpc.host import Host
from nethood.rpc.lsarpc import LSARPC
from nethood.rpc.mgmt import with_management
from nethood.rpc.pipe import Pipe
from nethood.rpc.srvsvc import SRVSVC
from nethood.rpc.wkssvc import WKSSVC

PIPES: Mapping[str, tuple[Interface, ...]] = {
    "lsarpc": with_management(LSARPC, DSSETUP),
    "srvsvc": with_management(SRVSVC),
    "wkssvc": with_management(WKSSVC),
}


def pipe_name(name: str) -> str | None:
    """Return the pipe's name as `PIPES` has it, None where there is no such pipe.

    *name* is that of the CREATE request on IPC$, in any case, with or without a first backslash.
    """
    known = name.lstrip("\\").lower()
    return known if known in PIPES else None


def open_pipe(name: str, host: Host, associations: Associations) -> Pipe | None:
    """Return a new instance of the pipe called *name* for the caller *host* speaks of.

    None where there is no such pipe (STATUS_OBJECT_NAME_NOT_FOUND). *associations* is the
    server's, one for all pipes of all clients.
    """
    known = pipe_name(name)
    return None if known is None else Pipe(known, PIPES[known], host, associations)
