"""How often hosts, domains and local masters announce themselves, and what they say.

The schedules are those of [MS-BRWS] 3.2.6 and 3.3.6.
"""

from __future__ import annotations

from nethood.browse.frames import DomainAnnouncement, HostAnnouncement, LocalMasterAnnouncement
from nethood.browse.server_type import SV_TYPE_DOMAIN_ENUM, SV_TYPE_NT
from nethood.browse.settings import BrowserSettings

HOST_MINUTES = (1, 1, 2, 4, 8, 12)
DOMAIN_MINUTES = (1, 1, 5, 5, 10, 10, 15)
LOCAL_MASTER_MINUTES = (2, 2, 4, 8, 12)
MASTER_MINUTES = (12,)
"""A local master to the domain master: always the same."""


class Schedule:
    """One announcement's timer: each firing tells the wait until the next; the last one stays."""

    __slots__ = ("_minutes", "count")

    def __init__(self, minutes: tuple[int, ...]) -> None:
        self._minutes = minutes
        self.count = 0

    def fire(self) -> int:
        """Count one announcement; return the seconds until the next, which it also states."""
        minutes = self._minutes[min(self.count, len(self._minutes) - 1)]
        self.count += 1
        return minutes * 60

    def reset(self) -> None:
        """Start again with the short waits, as after an election that was won."""
        self.count = 0


def host_frame(settings: BrowserSettings, server_type: int, period_s: int) -> HostAnnouncement:
    """Return what a host says of itself; it says it again in *period_s*."""
    major, minor = settings.os_version
    return HostAnnouncement(
        server_name=settings.host_name.upper(),
        periodicity_ms=period_s * 1000,
        server_type=server_type,
        comment=settings.comment,
        os_version_major=major,
        os_version_minor=minor,
    )


def local_master_frame(
    settings: BrowserSettings, server_type: int, period_s: int
) -> LocalMasterAnnouncement:
    """Return what a local master says to the browsers of its group."""
    major, minor = settings.os_version
    return LocalMasterAnnouncement(
        server_name=settings.host_name.upper(),
        periodicity_ms=period_s * 1000,
        server_type=server_type,
        comment=settings.comment,
        os_version_major=major,
        os_version_minor=minor,
    )


def domain_frame(settings: BrowserSettings, period_s: int) -> DomainAnnouncement:
    """Return what a local master says of its group to the masters of others."""
    return DomainAnnouncement(
        machine_group=settings.machine_group.upper(),
        periodicity_ms=period_s * 1000,
        server_type=SV_TYPE_DOMAIN_ENUM | SV_TYPE_NT,
        local_master_browser_name=settings.host_name.upper(),
    )
