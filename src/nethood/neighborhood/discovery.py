"""Being found without NetBIOS: WS-Discovery for Explorer, mDNS for Finder and Linux desktops.

Chooses the interfaces, keeps up with their addresses, and never raises for what it can't have:
a file server nobody finds is still a file server.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nethood.errors import Error
from nethood.neighborhood.mdns import MdnsAnnouncer
from nethood.neighborhood.wsd import WsdHost
from nethood.net.links import Link, choose_links, default_route_names, links
from nethood.wsd.target import Identity

DiscoveryEvent = Callable[[str, str, dict[str, Any]], None]
"""Called with kind (``discovery`` or ``warning``), a sentence for a person, and plain fields."""

EVERYWHERE = ("0.0.0.0", "::")
SMB_PORT = 445
_MACHINE_ID = Path("/etc/machine-id")
LOOK_AGAIN_S = 15.0


def _ignore(kind: str, sentence: str, fields: dict[str, Any]) -> None:
    """Tell nobody."""


class Discovery:
    """Makes a file server known to its neighbours.

    *port* is where it serves SMB, *shares* are its names: without any there is nothing to be
    found for, and nothing is announced. *interfaces* names the interfaces, whatever they are;
    None chooses (see `net.links`). *listening* are the addresses it serves on; only those are
    announced.
    """

    def __init__(
        self,
        *,
        host_name: str,
        workgroup: str,
        port: int,
        shares: Sequence[str],
        interfaces: Sequence[str] | None = None,
        listening: Sequence[str] = EVERYWHERE,
        on_event: DiscoveryEvent = _ignore,
        find_links: Callable[[], list[Link]] = links,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        self._identity = Identity(endpoint_of(host_name), host_name, workgroup)
        self._port = port
        self._shares = shares
        self._interfaces = interfaces
        self._listening = listening
        self._on_event = on_event
        self._find_links = find_links
        self._look_again_s = look_again_s
        self._links: list[Link] = []
        self._wsd: WsdHost | None = None
        self._mdns: MdnsAnnouncer | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to be known, and return at once; the rest goes on in the background."""
        if self._shares and self._keeper is None:
            self._warn_of_missing()
            self._keeper = asyncio.create_task(self._keep(), name="discovery")

    async def stop(self) -> None:
        """Say goodbye and close everything; takes about a second."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        await self._close()

    async def _keep(self) -> None:
        """Be known on the interfaces as they are, and start anew when they change."""
        known: list[Link] | None = None
        while True:
            chosen = self._chosen()
            if chosen != known:
                await self._close()
                known = self._links = chosen
                await self._open()
            await asyncio.sleep(self._look_again_s)

    def _chosen(self) -> list[Link]:
        try:
            found = self._find_links()
            chosen = choose_links(found, default_route_names(found), self._interfaces)
        except (OSError, ValueError):
            return []  # a table changed while it was read: the next look finds it whole
        return [link for link in chosen if self._served(link)]

    async def _open(self) -> None:
        if not self._links:
            self._warn("not found by neighbours: no network interface to be known on")
            return
        await asyncio.gather(self._open_wsd(), self._open_mdns())

    async def _open_wsd(self) -> None:
        if self._port != SMB_PORT:
            self._tell(
                "discovery",
                f"not shown in Explorer, which opens shares on port {SMB_PORT} only",
                method="ws-discovery",
                announced=False,
            )
            return
        self._wsd = WsdHost(self._identity, self._links, self._warn)
        try:
            await self._wsd.start()
        except (Error, OSError) as error:
            self._warn(f"not found by Explorer: {error}")
            return
        if self._wsd.urls:
            self._tell_found("ws-discovery", "Explorer finds", self._identity.host_name)

    async def _open_mdns(self) -> None:
        addresses = [a for link in self._links for a in self._served(link)]
        try:
            self._mdns = MdnsAnnouncer(self._identity.host_name, self._port, self._links, addresses)
            await self._mdns.start()
        except (Error, OSError) as error:
            self._warn(f"not found by mDNS: {error}")
            return
        self._tell_found("mdns", "Finder and Linux desktops find", self._mdns.name)

    async def _close(self) -> None:
        wsd, mdns = self._wsd, self._mdns
        self._wsd = self._mdns = None
        self._links = []
        ends = [part.stop() for part in (wsd, mdns) if part is not None]
        for problem in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(problem, Error | OSError):
                self._warn(f"discovery did not end cleanly: {problem}")

    def _served(self, link: Link) -> list[str]:
        """Return the link's addresses that the server is reached by."""
        v4 = [str(a.ip) for a in link.ipv4]
        v6 = [str(a.ip) for a in link.ipv6]
        everywhere = set(self._listening)
        return [a for a in v4 if "0.0.0.0" in everywhere or a in everywhere] + [
            a for a in v6 if "::" in everywhere or a in everywhere
        ]

    def _warn_of_missing(self) -> None:
        known = {link.name for link in self._find_links()}
        for name in self._interfaces or ():
            if name not in known:
                self._warn(
                    f"not found on {name}: this machine has no such interface, or it is down"
                )

    def _warn(self, sentence: str) -> None:
        self._tell("warning", sentence)

    def _tell_found(self, method: str, by: str, name: str) -> None:
        where = [link.name for link in self._links]
        sentence = f"{by} this host as {name} on {', '.join(where)}"
        self._tell("discovery", sentence, method=method, announced=True, interfaces=where)

    def _tell(self, kind: str, sentence: str, **fields: Any) -> None:
        self._on_event(kind, sentence, fields)


def endpoint_of(host_name: str, machine_id: Path = _MACHINE_ID) -> str:
    """Return the ``urn:uuid:...`` of a host: the same after every start, another on every machine.

    The machine's identity goes in hashed: it is not to be told to a network.
    """
    try:
        machine = machine_id.read_text().strip()
    except OSError:
        machine = f"{uuid.getnode():012x}"
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{host_name.lower()}.{machine}.nethood").urn
