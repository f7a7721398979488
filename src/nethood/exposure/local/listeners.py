"""What listens on this machine on the ports of file sharing, names and discovery.

Told by the operating system through psutil: address, who can reach it, which process, whose.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface
from typing import Any

from nethood.exposure.local.commands import Run

NEEDS_ROOT = "needs root"
NOBODYS = "no process here owns it: the kernel itself (ksmbd), or a container"


@dataclass(frozen=True, slots=True)
class Service:
    """A port we know; *beside* is one that is not of SMB or NetBIOS, but of the same company."""

    protocol: str
    port: int
    name: str
    beside: bool = False


SERVICES = (
    Service("tcp", 445, "SMB"),
    Service("tcp", 139, "SMB over NetBIOS"),
    Service("udp", 137, "NetBIOS names"),
    Service("udp", 138, "NetBIOS datagrams"),
    Service("tcp", 42, "WINS replication", True),
    Service("udp", 5355, "LLMNR", True),
    Service("tcp", 5355, "LLMNR", True),
    Service("udp", 5353, "mDNS", True),
    Service("udp", 3702, "WS-Discovery", True),
    Service("tcp", 5357, "WS-Discovery descriptions", True),
)
_KNOWN = {(service.protocol, service.port): service for service in SERVICES}


@dataclass(frozen=True, slots=True)
class Place:
    """An address of this machine, on an interface that is up and not loopback."""

    interface: str
    address: str
    network: str

    @property
    def family(self) -> int:
        """4 or 6."""
        return ip_address(self.address).version


@dataclass(frozen=True, slots=True)
class Owner:
    """A process; *user* is "" where it can't be read; *config* the smb.conf it was given."""

    pid: int
    name: str
    user: str
    config: str = ""


@dataclass(slots=True)
class Listener:
    """A socket that takes what comes in; *places* are our addresses it can be reached at."""

    service: Service
    address: str
    reach: str
    places: list[Place] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)
    owner_unknown: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Socket:
    """What the system says of one socket."""

    protocol: str
    address: str
    port: int
    pid: int | None


def find_listeners(
    sockets: Iterable[Socket],
    places: Sequence[Place],
    owner_of: Callable[[int], Owner | None],
    dual: Callable[[str, int], bool | None],
    is_root: bool,
) -> list[Listener]:
    """Return the listeners on ports we know, the important ones first.

    *owner_of* looks a process up; *dual* says whether a socket on "::" takes IPv4 as well.
    """
    found: dict[tuple[str, int, str], Listener] = {}
    everyone = {(one.protocol, one.port, one.address) for one in sockets}
    pids: dict[tuple[str, int, str], set[int]] = {}
    for protocol, port, address in everyone:
        service = _KNOWN.get((protocol, port))
        if service is not None:
            found[protocol, port, address] = _listener(service, address, places, dual)
    for one in sockets:
        if one.pid is not None:
            pids.setdefault((one.protocol, one.port, one.address), set()).add(one.pid)
    for key, listener in found.items():
        owners = [owner_of(pid) for pid in sorted(pids.get(key, ()))]
        listener.owners = [owner for owner in owners if owner is not None]
        if not listener.owners:
            listener.owner_unknown = NOBODYS if is_root else NEEDS_ROOT
    order = {(s.protocol, s.port): n for n, s in enumerate(SERVICES)}
    return sorted(
        found.values(),
        key=lambda one: (order[one.service.protocol, one.service.port], one.address),
    )


def _listener(
    service: Service,
    address: str,
    places: Sequence[Place],
    dual: Callable[[str, int], bool | None],
) -> Listener:
    bare = ip_address(address.partition("%")[0])
    mapped = getattr(bare, "ipv4_mapped", None)
    ours = mapped or bare
    if ours.is_loopback:
        return Listener(service, address, "this machine only")
    if ours.is_unspecified:
        return _everywhere(service, address, ours.version, places, dual)
    if ours.is_multicast:
        reached = [place for place in places if place.family == ours.version]
        return Listener(service, address, "a multicast group", reached)
    here = [place for place in places if _covers(place, str(ours))]
    if not here:
        return Listener(service, address, "unknown: no interface that is up has this address")
    reach = ", ".join(f"{place.network} on {place.interface}" for place in here)
    return Listener(service, address, reach, here)


def _everywhere(
    service: Service,
    address: str,
    family: int,
    places: Sequence[Place],
    dual: Callable[[str, int], bool | None],
) -> Listener:
    if family == 4:
        reached = [place for place in places if place.family == 4]
        return Listener(service, address, "every IPv4 address", reached)
    both = dual(service.protocol, service.port)
    if both is False:
        reached = [place for place in places if place.family == 6]
        return Listener(service, address, "every IPv6 address", reached)
    listener = Listener(service, address, "every address", list(places))
    if both is None:
        listener.notes.append("whether it takes IPv4 too is unknown: ss is not installed")
    return listener


def _covers(place: Place, address: str) -> bool:
    """Whether *address* is that place's own, or its network's broadcast address."""
    if place.address == address:
        return True
    network = ip_interface(place.network).network
    return network.version == 4 and str(network.broadcast_address) == address


def read_sockets() -> list[Socket]:
    """Return the sockets of this machine that wait for others. Raises OSError."""
    import psutil

    try:
        rows = psutil.net_connections(kind="inet")
    except psutil.AccessDenied:
        raise PermissionError("listing sockets needs the administrator's rights here") from None
    return [_socket(row) for row in rows if _waits(row)]


def _socket(row: Any) -> Socket:
    protocol = "tcp" if row.type == 1 else "udp"
    return Socket(protocol, row.laddr.ip, row.laddr.port, row.pid)


def _waits(row: Any) -> bool:
    if not row.laddr:
        return False
    return bool(row.status == "LISTEN" if row.type == 1 else not row.raddr)


def read_owner(pid: int) -> Owner | None:
    """Return the process *pid*, None where it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        name = process.name()
    except psutil.Error:
        return None
    try:
        user, words = process.username(), process.cmdline()
    except (psutil.Error, KeyError):
        user, words = "", []
    return Owner(pid, name, user, _config_of(words))


def _config_of(words: Sequence[str]) -> str:
    """Return the file given with -s or --configfile."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("-s", "--configfile"):
            return following
        if word.startswith("--configfile="):
            return word.partition("=")[2]
    return ""


def read_places() -> list[Place]:
    """Return the addresses of this machine that other hosts can know."""
    import psutil

    stats = psutil.net_if_stats()
    found: list[Place] = []
    for name, addresses in psutil.net_if_addrs().items():
        if name in stats and not stats[name].isup:
            continue
        for row in addresses:
            place = _place(name, row)
            if place is not None:
                found.append(place)
    return found


def _place(interface: str, row: Any) -> Place | None:
    text = str(row.address).partition("%")[0]
    try:
        address = ip_address(text)
        mask = str(row.netmask or "").partition("%")[0]
        if address.version == 6 and ":" in mask:
            mask = str(int(ip_address(mask)).bit_count())
        network = str(ip_interface(f"{text}/{mask}" if mask else text).network)
    except ValueError:
        return None
    return None if address.is_loopback else Place(interface, text, network)


def dual_from_ss(run: Run) -> Callable[[str, int], bool | None]:
    """Return what `ss` knows of sockets on "::": it prints "*" for one that takes IPv4 too."""
    if sys.platform != "linux":
        return lambda *_: None
    ran = run(["ss", "-Hlntu"])
    if ran is None or ran.status != 0:
        return lambda *_: None
    rows = [line.split() for line in ran.out.splitlines()]
    both = {(row[0], row[4]) for row in rows if len(row) > 4}
    return lambda protocol, port: (protocol, f"*:{port}") in both


def am_root() -> bool:
    """Whether this process may see everything."""
    return os.geteuid() == 0 if hasattr(os, "geteuid") else True
