"""What `nethood serve` runs beside the server, so that the neighbourhood finds its shares."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nethood.cli.listen import SESSION_PORT, SMB_PORT
from nethood.config import Settings, build
from nethood.errors import ConnectError, LocalError
from nethood.server import Event

if TYPE_CHECKING:
    from nethood.nbt.node_model import Interface
    from nethood.neighborhood.discovery import Discovery
    from nethood.neighborhood.host import NetbiosHost
    from nethood.neighborhood.wins import WinsConfig
    from nethood.net.control import ControlSocket

_MAX_BROWSER_COMMENT = 42
Addresses = Sequence[tuple[str, int]]
Tell = Callable[[Event], None]


@dataclass(slots=True)
class Neighbours:
    """Discovery and NetBIOS of a running server; None for what is off or could reach nobody."""

    discovery: Discovery | None = None
    netbios: NetbiosHost | None = None
    on_event: Tell = lambda _: None
    offer: ControlSocket | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        addresses: Addresses,
        on_event: Tell,
        *,
        count_sessions: Callable[[], int] = lambda: 0,
    ) -> Neighbours:
        """Make what *settings* ask for, for a server on *addresses*.

        *count_sessions* tells how many sessions the server has.
        """
        netbios = settings.netbios.enabled
        return cls(
            _discovery(settings, addresses, on_event),
            netbios_host(settings, on_event, count_sessions) if netbios else None,
            on_event,
        )

    async def start(self) -> None:
        """Begin to be found; what discovery can't have is told as an event.

        Raises LocalError where NetBIOS is asked for and can't have its ports.
        """
        if self.netbios is not None:
            await start_netbios(self.netbios)
            self.offer = offer_browsing(self.netbios, self.on_event)
        if self.discovery is not None:
            await self.discovery.start()

    async def stop(self) -> None:
        """Say goodbye; takes about a second."""
        if self.offer is not None:
            self.offer.close()
        parts = [part.stop() for part in (self.discovery, self.netbios) if part is not None]
        await asyncio.gather(*parts)


def _discovery(settings: Settings, addresses: Addresses, on_event: Tell) -> Discovery | None:
    server = settings.server
    reachable = [(host, port) for host, port in addresses if not _is_loopback(host)]
    shares = [name for name, share in settings.shares.items() if not share.hidden]
    port = smb_port(reachable)
    if not (server.discovery and shares and port):
        return None
    from nethood.neighborhood.discovery import Discovery

    return Discovery(
        host_name=build.options(settings).server_name,
        workgroup=server.workgroup,
        port=port,
        shares=shares,
        interfaces=server.discovery_interfaces,
        listening=[host for host, own in reachable if own == port],
        on_event=_teller(on_event),
    )


def netbios_host(
    settings: Settings, on_event: Tell, count_sessions: Callable[[], int] = lambda: 0
) -> NetbiosHost:
    """Make the NetBIOS host that *settings* ask for.

    Raises LocalError where there is no interface for it.
    """
    from nethood.nbt.node_tables import NodeType
    from nethood.neighborhood.host import HostSettings, NetbiosHost, choose_interfaces

    netbios, master = settings.netbios, settings.browser.master
    server = build.options(settings)
    interfaces = choose_interfaces(netbios.interfaces)
    host = HostSettings(
        name=server.server_name,
        machine_group=server.workgroup,
        comment=server.comment[:_MAX_BROWSER_COMMENT],
        interfaces=interfaces,
        serves_files=bool(settings.shares),
        node_type=NodeType[netbios.node],
        name_servers=netbios.name_servers,
        is_browser=master != "no",
        is_preferred_master=master == "preferred",
        wins=_wins(settings, interfaces),
        count_sessions=count_sessions,
    )
    return NetbiosHost(host, _teller(on_event))


async def start_netbios(host: NetbiosHost) -> None:
    """Start *host*. Raises LocalError where it can't have its ports."""
    try:
        await host.start()
    except ConnectError as error:
        raise LocalError(f"NetBIOS {error}") from error


def offer_browsing(host: NetbiosHost, on_event: Tell) -> ControlSocket | None:
    """Let `nethood browse` ask what *host* knows; None, and an event, where that can't be."""
    from nethood.browse.settings import BrowserSettings
    from nethood.neighborhood import browse_offer
    from nethood.net.control import ControlSocket, own_folder

    settings = host.settings
    own = BrowserSettings(
        host_name=settings.name, machine_group=settings.machine_group, comment=settings.comment
    )
    folder = own_folder()
    if folder is None:
        return None

    def answer() -> bytes:
        pairs = zip(host.views(), settings.interfaces, strict=False)  # no views while it starts
        rows = [row for view, each in pairs for row in browse_offer.rows_of(view, own, each)]
        return browse_offer.encode(browse_offer.Offer(rows, [own.machine_group.upper()]))

    offer = ControlSocket(folder / browse_offer.socket_name(), answer)
    try:
        offer.open()
    except ConnectError as error:
        on_event(Event("warning", f"`nethood browse` can't ask this one: {error}", {}))
        return None
    return offer


def _wins(settings: Settings, interfaces: Sequence[Interface]) -> WinsConfig | None:
    if not settings.wins.enabled:
        return None
    from nethood.auth.userdb import default_path

    return build.wins(settings.wins, interfaces, default_path().with_name("wins.sqlite"))


def _teller(on_event: Tell) -> Callable[[str, str, dict[str, Any]], None]:
    def tell(kind: str, sentence: str, fields: dict[str, Any]) -> None:
        on_event(Event(kind, sentence, fields))

    return tell


def smb_port(addresses: Addresses) -> int | None:
    """Return the port to announce: 445 where it is served, else the first but 139."""
    ports = [port for _, port in addresses if port != SESSION_PORT]
    return SMB_PORT if SMB_PORT in ports else next(iter(ports), None)


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
