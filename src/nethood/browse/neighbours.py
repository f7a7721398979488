"""What one browser knows of the others: servers, machine groups, and, as domain master, masters."""

from __future__ import annotations

from nethood.browse.frames import (
    NAME_SIZE,
    DomainAnnouncement,
    HostAnnouncement,
    LocalMasterAnnouncement,
)
from nethood.browse.lists import MAX_GROUPS, BrowseList, ServerEntry, wanted_backups
from nethood.browse.server_type import (
    SV_TYPE_BACKUP_BROWSER,
    SV_TYPE_DOMAIN_ENUM,
    SV_TYPE_MASTER_BROWSER,
    SV_TYPE_POTENTIAL_BROWSER,
)

LOCAL_MASTER_EXPIRES_S = 36 * 60
_FIRST_VERSION_WITH_BACKUPS = 0x010F
_BACKUP = SV_TYPE_BACKUP_BROWSER | SV_TYPE_POTENTIAL_BROWSER


class Neighbours:
    """The lists of [MS-BRWS] 3.3.1 and 3.4.1, filled by announcements."""

    def __init__(self) -> None:
        self.servers = BrowseList()
        self.machine_groups = BrowseList(MAX_GROUPS)
        self.local_masters = BrowseList(MAX_GROUPS)

    def heard_host(
        self, frame: HostAnnouncement | LocalMasterAnnouncement, address: str, now: float
    ) -> None:
        """List the host that announced itself from *address*."""
        entry = ServerEntry(
            frame.server_name,
            frame.server_type,
            frame.comment,
            frame.os_version_major,
            frame.os_version_minor,
            address,
        )
        self.servers.update(entry, frame.periodicity_ms, now)

    def heard_group(self, frame: DomainAnnouncement, address: str, now: float) -> None:
        """List a machine group and its local master."""
        entry = ServerEntry(
            frame.machine_group,
            frame.server_type | SV_TYPE_DOMAIN_ENUM,
            frame.local_master_browser_name,
            frame.browser_config_version_major,
            frame.browser_config_version_minor,
            address,
        )
        self.machine_groups.update(entry, frame.periodicity_ms, now)

    def heard_own_master(self, group: str, frame: LocalMasterAnnouncement, now: float) -> None:
        """List the own machine group under the master that announced itself."""
        entry = ServerEntry(group.upper(), SV_TYPE_DOMAIN_ENUM, frame.server_name)
        self.machine_groups.update(entry, frame.periodicity_ms, now)

    def heard_local_master(self, name: str, address: str, now: float) -> None:
        """List a local master of the domain, [MS-BRWS] 3.4.5.1."""
        entry = ServerEntry(name, SV_TYPE_MASTER_BROWSER, address=address)
        self.local_masters.update(entry, LOCAL_MASTER_EXPIRES_S * 1000 // 3, now)

    def expire(self, now: float) -> list[ServerEntry]:
        """Drop what was not heard of for too long; return the servers among it."""
        self.machine_groups.expire(now)
        self.local_masters.expire(now)
        return self.servers.expire(now)

    def next_expiry(self) -> float | None:
        """Return when something is to be dropped, None for never."""
        lists = (self.servers, self.machine_groups, self.local_masters)
        times = (held.next_expiry() for held in lists)
        return min((at for at in times if at is not None), default=None)

    def backup_names(self) -> list[str]:
        """Return the Backup Browser List, as names that fit a frame."""
        return [_fitting(entry) for entry in self.servers.backup_browsers()]

    def promotable(self, own_name: str) -> list[str]:
        """Return the potential browsers to make backups, so that there are enough."""
        missing = wanted_backups(len(self.servers)) - len(self.servers.backup_browsers())
        able = [
            _fitting(entry)
            for entry in self.servers.entries(SV_TYPE_POTENTIAL_BROWSER)
            if not entry.server_type & SV_TYPE_BACKUP_BROWSER
            and entry.name.upper() != own_name.upper()
        ]
        return able[: max(0, missing)]

    def is_unwanted_backup(self, frame: HostAnnouncement) -> bool:
        """Tell whether a backup browser is too old, or one too many."""
        if frame.server_type & _BACKUP != _BACKUP:
            return False
        version = frame.browser_version_minor << 8 | frame.browser_version_major
        too_many = len(self.servers.backup_browsers()) > wanted_backups(len(self.servers))
        return version < _FIRST_VERSION_WITH_BACKUPS or too_many


def _fitting(entry: ServerEntry) -> str:
    return entry.name[: NAME_SIZE - 1]
