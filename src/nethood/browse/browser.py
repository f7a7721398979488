"""One browser, [MS-BRWS] 3.2 to 3.4: frames and time in, frames and names out.

Every role is this class: what a role does not do, its guards leave out. Lists are kept in every
role, so that listening alone shows the neighbourhood; only a master answers from them. Frames
from the browser's own name are its own broadcasts coming back and count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from nethood.browse import actions as act
from nethood.browse import announce, frames
from nethood.browse.actions import Action, BrowseName, Send
from nethood.browse.election import Candidate, Election, Outcome, election_delay_s
from nethood.browse.neighbours import Neighbours
from nethood.browse.roles import Event, Role, next_role, server_type_flags
from nethood.browse.server_type import CONTROLLER_TYPES, SV_TYPE_MASTER_BROWSER
from nethood.browse.settings import BrowserSettings

FIND_MASTER_S = 1.5
FIND_MASTER_TRIES = 3
NAME_TRIES = 3
MAX_BACKUPS_NAMED = 20  # as many as fit a mailslot write of 512 bytes with room to spare
ANNOUNCEMENT_REQUEST_SPREAD_S = 30.0
_LEAST_GAP_S = 1.0  # between answers to announcement requests: one forger must not make a flood


class Heard(NamedTuple):
    """Where a frame came from and which name it was for."""

    source: str
    address: str
    destination: BrowseName


_Handler = Callable[[Any, Heard, float], list[Action]]


class Timer(Enum):
    """The timers of [MS-BRWS] 3.2.2 and 3.3.2 that are not an entry's or the election's."""

    HOST = "host announcement"
    RESPONSE = "announcement request response"
    LOCAL_MASTER = "local master announcement"
    DOMAIN = "domain announcement"
    MASTER = "master announcement"
    FIND_MASTER = "find master"
    MASTER_EXPIRES = "master not heard of"


class Browser:
    """The state of one host on one subnet.

    *now* is in seconds on any clock that never goes back; *chance* returns numbers in [0, 1).
    Call `tick` when `next_time` has come and `receive` with each browser frame; do the actions
    they return, in order.
    """

    def __init__(self, settings: BrowserSettings, chance: Callable[[], float]) -> None:
        self.settings = settings
        self.role = settings.first_role
        self.neighbours = Neighbours()
        self.master_name = ""
        """Who was last heard to be the group's local master; empty while nobody is known."""
        self._chance = chance
        self._election = Election()
        self._timers: dict[Timer, float] = {}
        self._host = announce.Schedule(announce.HOST_MINUTES)
        self._domain = announce.Schedule(announce.DOMAIN_MINUTES)
        self._local_master = announce.Schedule(announce.LOCAL_MASTER_MINUTES)
        self._master = announce.Schedule(announce.MASTER_MINUTES)
        self._started = 0.0
        self._find_tries = 0
        self._name_tries = 0
        self._periods = {Timer.HOST: 60, Timer.LOCAL_MASTER: 120, Timer.DOMAIN: 60}
        self._last_local_master = -_LEAST_GAP_S

    # What others ask of it

    @property
    def server_type(self) -> int:
        """The ServerType it announces in its present role."""
        return self.settings.server_type | server_type_flags(self.role)

    @property
    def is_electing(self) -> bool:
        """Whether it takes part in an election and means to win."""
        return self._election.is_running

    def start(self, now: float) -> list[Action]:
        """Claim the names of its group, announce itself, look for a master or an election."""
        self._started = now
        actions: list[Action] = [act.RegisterName(self._group(act.WORKSTATION), is_group=True)]
        if self.role is Role.POTENTIAL:
            actions.append(act.RegisterName(self._group(act.ELECTIONS), is_group=True))
        actions += self._announce_host(now)
        if self.settings.is_preferred_master or self.settings.is_primary_domain_controller:
            return actions + self._force_election(now)
        return actions + self._find_master(now)

    def stop(self, now: float) -> list[Action]:
        """Say good-bye: zero as server type, and a call for an election if it was the master."""
        actions: list[Action] = [
            self._broadcast(act.MASTER, announce.host_frame(self.settings, 0, 0).encode())
        ]
        if self.role.is_master:
            abdication = frames.RequestElection(0, 0, self.settings.host_name, version=0)
            actions += self._leave_mastership(Event.SHUTDOWN)
            actions.append(self._broadcast(act.ELECTIONS, abdication.encode()))
        if self.settings.first_role is Role.POTENTIAL:
            actions.append(act.ReleaseName(self._group(act.ELECTIONS), is_group=True))
        actions.append(act.ReleaseName(self._group(act.WORKSTATION), is_group=True))
        self.role = next_role(self.role, Event.SHUTDOWN)
        self._election.stop()
        self._timers.clear()
        return actions

    def next_time(self) -> float | None:
        """Return when `tick` has something to do, None for never."""
        times = [*self._timers.values()]
        deadlines = (
            self._election.deadline,
            self.neighbours.next_expiry(),
        )
        return min(times + [at for at in deadlines if at is not None], default=None)

    def tick(self, now: float) -> list[Action]:
        """Do what is due at *now*."""
        actions: list[Action] = []
        if self.neighbours.expire(now):
            actions += self._promote_backups()
        for timer in [timer for timer, at in self._timers.items() if at <= now]:
            if self._timers.pop(timer, None) is not None:
                actions += self._on_timer(timer, now)
        if self._election.deadline is not None and self._election.deadline <= now:
            actions += self._on_election_timer(now)
        return actions

    def receive(
        self, data: bytes, source: str, address: str, destination: BrowseName, now: float
    ) -> list[Action]:
        """Take one frame *source* sent from *address* to *destination*.

        Frames for other groups and hosts, and its own, are left alone. Raises Malformed.
        """
        if source.upper() == self.settings.host_name.upper() or not self._is_ours(destination):
            return []
        frame = frames.decode_frame(data)
        handler: _Handler | None = getattr(self, _HANDLERS.get(type(frame), ""), None)
        return handler(frame, Heard(source, address, destination), now) if handler else []

    def name_refused(self, name: BrowseName, now: float) -> list[Action]:
        """Take note that *name* is held by another: a master without its name calls an election.

        After three refusals the other is left in peace ([MS-BRWS] note 7).
        """
        if name != self._group(act.MASTER) or not self.role.is_master:
            return []
        actions = self._leave_mastership(Event.NAME_REFUSED)
        self._name_tries += 1
        if self._name_tries >= NAME_TRIES:
            self._name_tries = 0
            return actions + self._announce_host(now)
        return actions + self._force_election(now)

    # Names and frames

    def _group(self, suffix: int) -> BrowseName:
        return BrowseName(self.settings.machine_group.upper(), suffix)

    def _is_ours(self, destination: BrowseName) -> bool:
        name = destination.name.upper()
        group = self.settings.machine_group.upper()
        return name in (group, self.settings.host_name.upper()) or destination == act.MSBROWSE

    def _broadcast(self, suffix: int, data: bytes) -> Send:
        return Send(data, self._group(suffix))

    def _announce_host(self, now: float) -> list[Action]:
        """Send a host announcement without moving the schedule on; start it if need be."""
        if Timer.HOST not in self._timers:
            self._periods[Timer.HOST] = self._host.fire()
            self._timers[Timer.HOST] = now + self._periods[Timer.HOST]
        return self._send_host(now)

    def _send_host(self, now: float) -> list[Action]:
        period_s = self._periods[Timer.HOST]
        frame = announce.host_frame(self.settings, self.server_type, period_s)
        if self.role.is_master:
            self.neighbours.heard_host(frame, "", now)
        return [self._broadcast(act.MASTER, frame.encode())]

    # Timers

    def _on_timer(self, timer: Timer, now: float) -> list[Action]:
        if timer is Timer.HOST or timer is Timer.RESPONSE:
            return self._announce_host(now)
        if timer is Timer.FIND_MASTER or timer is Timer.MASTER_EXPIRES:
            return self._find_master(now)
        announcing: dict[Timer, Callable[[float], list[Action]]] = {
            Timer.LOCAL_MASTER: partial(self._announce_local_master, scheduled=True),
            Timer.DOMAIN: self._announce_domain,
            Timer.MASTER: self._announce_to_domain_master,
        }
        return announcing[timer](now) if self.role.is_master else []

    def _announce_local_master(self, now: float, *, scheduled: bool) -> list[Action]:
        if scheduled:
            self._periods[Timer.LOCAL_MASTER] = self._local_master.fire()
            self._timers[Timer.LOCAL_MASTER] = now + self._periods[Timer.LOCAL_MASTER]
        self._last_local_master = now
        period_s = self._periods[Timer.LOCAL_MASTER]
        frame = announce.local_master_frame(self.settings, self.server_type, period_s)
        return [self._broadcast(act.ELECTIONS, frame.encode())]

    def _announce_domain(self, now: float) -> list[Action]:
        period_s = self._periods[Timer.DOMAIN] = self._domain.fire()
        self._timers[Timer.DOMAIN] = now + period_s
        frame = announce.domain_frame(self.settings, period_s)
        self.neighbours.heard_group(frame, "", now)
        return [Send(frame.encode(), act.MSBROWSE)]

    def _announce_to_domain_master(self, now: float) -> list[Action]:
        master = self.settings.domain_master
        if master is None or self.role is Role.DOMAIN_MASTER:
            return []
        self._timers[Timer.MASTER] = now + self._master.fire()
        data = frames.MasterAnnouncement(self.settings.host_name.upper()).encode()
        return [Send(data, BrowseName(master.name.upper(), act.WORKSTATION), master.address)]

    def _find_master(self, now: float) -> list[Action]:
        """Ask the master to announce itself; after three silences call an election."""
        if self.role is Role.NON_BROWSER:
            self.master_name = ""
            return []
        if self.role.is_master or self._election.is_running:
            return []
        if self._find_tries >= FIND_MASTER_TRIES:
            self._find_tries = 0
            self.master_name = ""
            return self._force_election(now)
        self._find_tries += 1
        self._timers[Timer.FIND_MASTER] = now + FIND_MASTER_S
        return [self._broadcast(act.MASTER, self._announcement_request())]

    def _announcement_request(self) -> bytes:
        return frames.AnnouncementRequest(self.settings.host_name.upper()).encode()

    # Elections

    def _candidate(self, now: float) -> Candidate:
        uptime_s = int(now - self._started)
        return Candidate(
            self.settings.criteria(self.role), uptime_s, self.settings.host_name.upper()
        )

    def _send_election(self, now: float) -> Action:
        own = self._candidate(now)
        frame = frames.RequestElection(own.criteria, own.uptime_s, own.name)
        return self._broadcast(act.ELECTIONS, frame.encode())

    def _force_election(self, now: float) -> list[Action]:
        if self._election.is_running:
            return []
        self._enter_election(now)
        return [self._send_election(now)]

    def _enter_election(self, now: float) -> None:
        self._timers.pop(Timer.FIND_MASTER, None)
        self._election.challenge(now, election_delay_s(self.role, self._chance()))

    def _on_election(
        self, frame: frames.RequestElection, _heard: Heard, now: float
    ) -> list[Action]:
        if self.role is Role.NON_BROWSER:
            return []
        theirs = Candidate(frame.criteria, frame.uptime_s, frame.server_name)
        if self._candidate(now).beats(theirs):
            self._enter_election(now)
            return []
        return self._lose(now)

    def _lose(self, now: float) -> list[Action]:
        self._election.stop()
        # The winner will announce itself; if it does not, its name is asked for.
        self._find_tries = 0
        self._timers[Timer.MASTER_EXPIRES] = now + ANNOUNCEMENT_REQUEST_SPREAD_S
        if not self.role.is_master:
            return []
        event = Event.LOST_AS_CONTROLLER if self.settings.is_domain_controller else Event.LOST
        return self._leave_mastership(event) + self._announce_host(now)

    def _on_election_timer(self, now: float) -> list[Action]:
        outcome = self._election.expire(now)
        if outcome is Outcome.LOST:
            return self._lose(now)
        sent = [self._send_election(now)]
        return sent if outcome is Outcome.GOES_ON else sent + self._win(now)

    def _win(self, now: float) -> list[Action]:
        """Become the master: names, an empty list's questions, and all announcements at once."""
        was_master = self.role.is_master
        is_primary = self.settings.is_primary_domain_controller
        self.role = next_role(self.role, Event.WON_AS_PRIMARY if is_primary else Event.WON)
        self.master_name = self.settings.host_name.upper()
        for timer in (Timer.FIND_MASTER, Timer.MASTER_EXPIRES):
            self._timers.pop(timer, None)
        for schedule in (self._domain, self._local_master, self._master):
            schedule.reset()
        actions: list[Action] = []
        if not was_master:
            actions += [act.RegisterName(name, group) for name, group in self._master_names()]
            actions.append(self._broadcast(act.WORKSTATION, self._announcement_request()))
        actions += self._announce_local_master(now, scheduled=True)
        actions += self._announce_domain(now)
        actions += self._announce_to_domain_master(now)
        return actions + self._announce_host(now) + self._promote_backups()

    def _master_names(self) -> list[tuple[BrowseName, bool]]:
        held = [(self._group(act.MASTER), False), (act.MSBROWSE, True)]
        if self.settings.is_primary_domain_controller:
            held.append((self._group(act.DOMAIN_MASTER), False))
        return held

    def _leave_mastership(self, event: Event) -> list[Action]:
        """Step down: no master's timers, and no master's names, so that another can have them."""
        self.role = next_role(self.role, event)
        self.master_name = ""
        self.neighbours.servers.remove(self.settings.host_name)
        self.neighbours.local_masters.clear()
        for timer in (Timer.LOCAL_MASTER, Timer.DOMAIN, Timer.MASTER):
            self._timers.pop(timer, None)
        return [act.ReleaseName(name, group) for name, group in self._master_names()]

    # Frames

    def _on_host(self, frame: frames.HostAnnouncement, heard: Heard, now: float) -> list[Action]:
        if heard.destination.suffix != act.MASTER:
            return []
        if not frame.server_type:  # [MS-BRWS] 3.2.7: it is shutting down
            self.neighbours.servers.remove(frame.server_name)
            return self._promote_backups()
        self.neighbours.heard_host(frame, heard.address, now)
        if not self.role.is_master:
            return []
        if frame.server_type & SV_TYPE_MASTER_BROWSER:
            return self._on_rival(frame.server_type, now)
        return self._reset_backup(frame, heard.address) or self._promote_backups()

    def _on_local_master(
        self, frame: frames.LocalMasterAnnouncement, heard: Heard, now: float
    ) -> list[Action]:
        if not frame.server_type & SV_TYPE_MASTER_BROWSER:
            return []
        if self.role.is_master:
            return self._on_rival(frame.server_type, now)
        self.master_name = frame.server_name
        self._find_tries = 0
        self._timers.pop(Timer.FIND_MASTER, None)
        self.neighbours.heard_host(frame, heard.address, now)
        self.neighbours.heard_own_master(self.settings.machine_group, frame, now)
        self._timers[Timer.MASTER_EXPIRES] = now + 3 * max(60.0, frame.periodicity_ms / 1000)
        return []

    def _on_rival(self, server_type: int, now: float) -> list[Action]:
        """Answer another master of this group, [MS-BRWS] 3.3.5.2, 3.3.5.3 and 3.3.5.8."""
        is_controller = bool(server_type & CONTROLLER_TYPES)
        if is_controller and not self.settings.is_primary_domain_controller:
            self._election.stop()
            return self._leave_mastership(Event.CONTROLLER_IS_MASTER) + self._announce_host(now)
        return self._force_election(now)

    def _on_domain(
        self, frame: frames.DomainAnnouncement, heard: Heard, now: float
    ) -> list[Action]:
        self.neighbours.heard_group(frame, heard.address, now)
        return []

    def _on_announcement_request(
        self, _frame: frames.AnnouncementRequest, heard: Heard, now: float
    ) -> list[Action]:
        if heard.destination.suffix == act.MASTER:
            if not self.role.is_master or now - self._last_local_master < _LEAST_GAP_S:
                return []
            return self._announce_local_master(now, scheduled=False)
        if Timer.RESPONSE not in self._timers:
            self._timers[Timer.RESPONSE] = now + self._chance() * ANNOUNCEMENT_REQUEST_SPREAD_S
        return []

    def _on_backup_list(
        self, frame: frames.GetBackupListRequest, heard: Heard, _now: float
    ) -> list[Action]:
        """Name the backup browsers; without any, itself ([MS-BRWS] 3.3.5.9 and note 50)."""
        if not self.role.is_master or not frame.requested_count:
            return []
        count = min(frame.requested_count, MAX_BACKUPS_NAMED)
        listed = tuple(self.neighbours.backup_names()[:count])
        answer = frames.GetBackupListResponse(
            frame.token, listed or (self.settings.host_name.upper(),)
        )
        return [Send(answer.encode(), BrowseName(heard.source, act.WORKSTATION), heard.address)]

    def _on_become_backup(
        self, frame: frames.BecomeBackup, _heard: Heard, now: float
    ) -> list[Action]:
        if frame.browser_to_promote.upper() != self.settings.host_name.upper():
            return []
        role = next_role(self.role, Event.BECOME_BACKUP)
        if role is self.role:
            return []
        self.role = role
        actions = self._announce_host(now)
        return actions if self.master_name else actions + self._find_master(now)

    def _on_master_announcement(
        self, frame: frames.MasterAnnouncement, heard: Heard, now: float
    ) -> list[Action]:
        if self.role is Role.DOMAIN_MASTER:
            name = frame.master_browser_server_name
            self.neighbours.heard_local_master(name, heard.address, now)
        return []

    def _on_reset(self, frame: frames.ResetStateRequest, _heard: Heard, now: float) -> list[Action]:
        """Obey a reset; RESET_STATE_STOP is ignored, as by others ([MS-BRWS] note 22)."""
        if frame.reset_type & frames.RESET_STATE_CLEAR_ALL:
            event = Event.RESET_CLEAR_ALL
        elif frame.reset_type & frames.RESET_STATE_STOP_MASTER:
            event = Event.RESET_STOP_MASTER
        else:
            return []
        if self.role.is_master:
            self._election.stop()
            self._timers[Timer.MASTER_EXPIRES] = now + ANNOUNCEMENT_REQUEST_SPREAD_S
            return self._leave_mastership(event) + self._announce_host(now)
        role = next_role(self.role, event)
        if role is self.role:
            return []
        self.role = role
        return self._announce_host(now)

    # Backup browsers

    def _promote_backups(self) -> list[Action]:
        """Make potential browsers backups until there are enough, [MS-BRWS] 3.3.5.7."""
        if not self.role.is_master or not self.settings.serves_lists:
            return []
        return [
            self._broadcast(act.ELECTIONS, frames.BecomeBackup(name).encode())
            for name in self.neighbours.promotable(self.settings.host_name)
        ]

    def _reset_backup(self, frame: frames.HostAnnouncement, address: str) -> list[Action]:
        """Dismiss a backup browser that is too old or one too many, [MS-BRWS] 3.3.5.10."""
        if not self.settings.serves_lists or not self.neighbours.is_unwanted_backup(frame):
            return []
        data = frames.ResetStateRequest(frames.RESET_STATE_CLEAR_ALL).encode()
        return [Send(data, BrowseName(frame.server_name, act.WORKSTATION), address)]


_HANDLERS: dict[type, str] = {
    frames.HostAnnouncement: "_on_host",
    frames.LocalMasterAnnouncement: "_on_local_master",
    frames.DomainAnnouncement: "_on_domain",
    frames.AnnouncementRequest: "_on_announcement_request",
    frames.RequestElection: "_on_election",
    frames.GetBackupListRequest: "_on_backup_list",
    frames.BecomeBackup: "_on_become_backup",
    frames.MasterAnnouncement: "_on_master_announcement",
    frames.ResetStateRequest: "_on_reset",
}
"""What is not named here, a backup list's answer, is a client's business ([MS-BRWS] 3.3.5)."""
