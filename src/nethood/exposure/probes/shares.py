r"""Which shares a server lists to whoever is logged on, and what that caller may do there.

NetrShareEnum at level 1 ([MS-SRVS] 3.1.4.8) over IPC$, then a TREE_CONNECT to each disk for its
MaximalAccess ([MS-SMB2] 2.2.10). Nothing in a share is opened, read or written. The access is
that of the share: permissions of files can be narrower.
"""

from __future__ import annotations

import ipaddress

from nethood.dtyp import access_mask as a
from nethood.erref import STATUS_ACCESS_DENIED, STATUS_NETWORK_ACCESS_DENIED, status_name
from nethood.errors import Error, StatusError
from nethood.exposure.dialogue import IPC, SmbDialogue
from nethood.exposure.exchange import evidence_of
from nethood.exposure.model import Answer, Evidence, ShareFacts, Target, known, unknown
from nethood.exposure.patience import sentence_of
from nethood.rpc.client import BindRefused, RpcFault
from nethood.rpc.srvsvc_client import ShareEnumAnswer, ShareInfo

MAX_CONNECTED = 32
"""How many shares are connected to for their access."""
MAX_LISTED = 1024
"""How many shares of a list are kept."""

_ENUM = "NetrShareEnum at level 1"
_MORE_DATA = 234
_WIN32_NAMES = {
    5: "ERROR_ACCESS_DENIED",
    50: "ERROR_NOT_SUPPORTED",
    65: "ERROR_NETWORK_ACCESS_DENIED",
}
_REFUSALS = {STATUS_ACCESS_DENIED, STATUS_NETWORK_ACCESS_DENIED, 5, 65}
_ALL = a.FILE_ALL_ACCESS & ~a.SYNCHRONIZE
_CHANGE = a.FILE_GENERIC_READ | a.FILE_GENERIC_WRITE | a.FILE_GENERIC_EXECUTE | a.DELETE
_WRITES = a.FILE_WRITE_DATA | a.FILE_APPEND_DATA | a.FILE_DELETE_CHILD
_STANDARD = a.DELETE | a.WRITE_DAC | a.WRITE_OWNER
_RIGHTS = {
    a.FILE_READ_DATA: "read",
    a.FILE_WRITE_DATA: "write",
    a.FILE_APPEND_DATA: "append",
    a.FILE_EXECUTE: "execute",
    a.FILE_DELETE_CHILD: "delete",
    a.WRITE_DAC: "change permissions",
    a.WRITE_OWNER: "take ownership",
}


def server_name(target: Target) -> str:
    """Return what a target's server is called in share paths; a UNC path has no colons."""
    try:
        address = ipaddress.ip_address(target.address.partition("%")[0])
    except ValueError:
        return target.address
    if address.version == 4:
        return target.address
    return target.address.replace(":", "-").replace("%", "s") + ".ipv6-literal.net"


async def list_shares(dialogue: SmbDialogue) -> Answer[list[ShareFacts]]:
    """Ask for the shares, then for the access to each disk among them.

    A server that refuses is an unknown answer that begins with "refused: ". Raises TransportError,
    Malformed, ProtocolViolation.
    """
    seen: list[Evidence] = []
    try:
        await _connect_ipc(dialogue, seen)
        listed = await dialogue.share_enum()
    except RpcFault as error:
        return _refused(_ENUM, error.status, str(error), dialogue, seen)
    except StatusError as error:
        return _refused("", error.status, str(error), dialogue, seen)
    except BindRefused as error:
        return unknown(str(error), *seen, evidence_of(_ENUM, str(error), dialogue.received))
    if listed.status not in (0, _MORE_DATA):
        return _refused_by_win32(listed.status, dialogue, seen)
    seen.append(evidence_of(_ENUM, _in_words(listed), dialogue.received))
    shares = [ShareFacts(s.name, kind_of(s), s.comment) for s in listed.shares[:MAX_LISTED]]
    await _connect_disks(dialogue, listed.shares, shares, seen)
    return known(shares, *seen)


async def _connect_ipc(dialogue: SmbDialogue, seen: list[Evidence]) -> None:
    await dialogue.connect_ipc()
    seen.append(evidence_of(f"TREE_CONNECT to {IPC}", "STATUS_SUCCESS", dialogue.received))


def _refused(
    what: str, status: int, sentence: str, dialogue: SmbDialogue, seen: list[Evidence]
) -> Answer[list[ShareFacts]]:
    """Return the answer of a server that says no, which isn't the same as not knowing."""
    told = f"{what}: {sentence}" if what else sentence
    seen.append(evidence_of(what or "the way to the list of shares", sentence, dialogue.received))
    return unknown(f"refused: {told}" if status in _REFUSALS else told, *seen)


def _refused_by_win32(
    status: int, dialogue: SmbDialogue, seen: list[Evidence]
) -> Answer[list[ShareFacts]]:
    name = _WIN32_NAMES.get(status, f"Win32 error {status}")
    return _refused(_ENUM, status, f"the server answered with {name}", dialogue, seen)


def _in_words(listed: ShareEnumAnswer) -> str:
    more = ", and says there are more" if listed.status == _MORE_DATA else ""
    return f"{len(listed.shares)} shares{more}"


def kind_of(share: ShareInfo) -> str:
    """Return "disk", "printer", "ipc" or "device", with ", hidden" for those with a $."""
    hidden = share.is_special or share.name.endswith("$")
    return f"{share.kind}, hidden" if hidden else share.kind


async def _connect_disks(
    dialogue: SmbDialogue, listed: list[ShareInfo], shares: list[ShareFacts], seen: list[Evidence]
) -> None:
    """Enter the access to disks; where that ends early, the evidence says why."""
    disks = [facts for info, facts in zip(listed, shares, strict=False) if info.kind == "disk"]
    disks = [facts for facts in disks if facts.name.upper() != IPC]
    for facts in disks[:MAX_CONNECTED]:
        what = f"TREE_CONNECT to {facts.name}"
        try:
            facts.maximal_access = await _access_to(dialogue, facts.name)
        except Error as error:
            seen.append(evidence_of(what, sentence_of(error)))
            return
        seen.append(evidence_of(what, facts.maximal_access, dialogue.received))
    left = len(disks) - MAX_CONNECTED
    if left > 0:
        seen.append(evidence_of("TREE_CONNECT to the others", f"not asked: {left} shares more"))


async def _access_to(dialogue: SmbDialogue, share: str) -> str:
    try:
        tree = await dialogue.tree_connect(share)
    except StatusError as error:
        return f"refused: {status_name(error.status)}"
    return access_in_words(tree.maximal_access)


def access_in_words(mask: int) -> str:
    """Return "0x001200A9 read, execute" for an access mask, [MS-DTYP] 2.4.3.

    Standard rights are only named where something can be written: smbd grants those for a share
    that is read only as well, and they are worth nothing there.
    """
    granted = a.map_generic(mask)
    if not granted & _WRITES:
        granted &= ~_STANDARD
    if granted & _ALL == _ALL:
        words = "full control"
    elif granted & _CHANGE == _CHANGE:
        words = "change"
    else:
        words = ", ".join(word for bits, word in _RIGHTS.items() if granted & bits) or "nothing"
    return f"0x{mask:08X} {words}"
