"""mDNS: how Finder and Linux desktops find the share, through the zeroconf library.

`_smb._tcp` says name, addresses and port; `_device-info._tcp` gives Finder a picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nethood.errors import ConnectError, LocalError
from nethood.net.links import Link

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

_SMB = "_smb._tcp.local."
_DEVICE_INFO = "_device-info._tcp.local."
_MODEL = {"model": "MacSamba"}
"""The model for which Finder shows a file server of no particular make."""
_MAX_LABEL_BYTES = 63


class MdnsAnnouncer:
    """Announces one file server at *addresses*, on the interfaces *links*."""

    def __init__(
        self, host_name: str, port: int, links: Sequence[Link], addresses: Sequence[str]
    ) -> None:
        if not 0 < len(host_name.encode()) <= _MAX_LABEL_BYTES or "." in host_name:
            raise LocalError(
                f"{host_name!r} can't be announced by mDNS: a host name has 1 to"
                f" {_MAX_LABEL_BYTES} bytes and no dot"
            )
        self._host_name = host_name
        self._port = port
        self._links = links
        self._addresses = list(addresses)
        self._zeroconf: AsyncZeroconf | None = None
        self._announcements: list[asyncio.Future[Any]] = []
        self.name = host_name
        """The name announced: another host's having it already brings a number behind it."""

    async def start(self) -> None:
        """Make sure of the name and announce it; takes about a second. Raises ConnectError."""
        # Heavy, and not needed for anything else a command line does.
        from zeroconf import Error, IPVersion
        from zeroconf.asyncio import AsyncZeroconf

        interfaces = [str(a) for link in self._links if (a := link.address_v4)]
        interfaces += [str(a) for link in self._links if (a := link.address_v6)]
        has_v6 = any(":" in a for a in interfaces)
        version = IPVersion.All if has_v6 else IPVersion.V4Only
        try:
            self._zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=version)
            self.name = await self._register(_SMB, self._port, {})
            await self._register(_DEVICE_INFO, 0, _MODEL)
        except (OSError, Error) as error:
            await self.stop()
            raise ConnectError(str(error) or type(error).__name__) from error

    async def stop(self) -> None:
        """Say goodbye and close; takes about half a second."""
        zeroconf, self._zeroconf = self._zeroconf, None
        for announcement in self._announcements:
            announcement.cancel()
        await asyncio.gather(*self._announcements, return_exceptions=True)
        self._announcements.clear()
        if zeroconf is not None:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()

    async def _register(self, kind: str, port: int, properties: dict[str, str]) -> str:
        """Make sure nobody has the name, begin to announce it, and return it as it became."""
        from zeroconf.asyncio import AsyncServiceInfo

        if self._zeroconf is None:
            raise ConnectError("stopped meanwhile")
        service = AsyncServiceInfo(
            kind,
            f"{self.name}.{kind}",
            port=port,
            properties=properties,
            server=f"{self._host_name}.local.",
            parsed_addresses=self._addresses,
        )
        begun = await self._zeroconf.async_register_service(service, allow_name_change=True)
        self._announcements.append(asyncio.ensure_future(begun))
        return service.name.removesuffix(f".{kind}")
