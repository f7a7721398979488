"""Samba: SMB1, guests and NetBIOS off, signing required; by a block at the end of smb.conf.

testparm reads the new text before it is put in place, and what it makes of it afterwards is the
check. The file keeps its owner and mode; what was there comes back byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.errors import LocalError
from nethood.exposure.harden.model import (
    Check,
    Command,
    Kind,
    LocalFacts,
    PlanRequest,
    Platform,
    Step,
    edit,
    run,
    typed,
)
from nethood.exposure.harden.platforms import smb_conf
from nethood.exposure.harden.runner import Machine

if TYPE_CHECKING:
    from nethood.exposure.harden.journal import Undo

CONFIGURATIONS = (
    "/etc/samba/smb.conf",
    "/usr/local/samba/etc/smb.conf",
    "/usr/local/etc/smb4.conf",
)
UNITS = ("smbd.service", "smb.service")
NETBIOS_UNITS = ("nmbd.service", "nmb.service")
_UNIT_FOLDERS = ("/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system")
_READABLE = ("testparm", "-s", "--parameter-name=server min protocol", "/dev/stdin")
"""It fails where the text is wrong; asked for one value, it does not print all of them."""
_READ_AGAIN = 'if smbcontrol "$0" smbd ping; then smbcontrol "$0" smbd reload-config; fi'
_TITLE = "Turn SMB1, guests and NetBIOS off in Samba, and require signing"


def look(machine: Machine) -> dict[str, str | None]:
    """Return the files a plan for Samba is made from: smb.conf, what it includes, the units."""
    files: dict[str, str | None] = {}
    for path in CONFIGURATIONS:
        path = machine.real_path(path)
        text = machine.read_text(path)
        if text is None:
            continue
        files[path] = text
        files |= {included: machine.read_text(included) for included in smb_conf.includes(text)}
    for unit in (*UNITS, *NETBIOS_UNITS):
        for folder in _UNIT_FOLDERS:
            if machine.exists(f"{folder}/{unit}"):
                files[f"{folder}/{unit}"] = ""
    return files


def steps(request: PlanRequest) -> list[Step]:
    """Return the one step: settings that only make sense together, and the restart."""
    path = _configuration(request.facts)
    if path is None:
        return [_elsewhere(request)]
    text = smb_conf.without_block(request.facts.files[path] or "")
    settings = list(smb_conf.parse(text))
    refused = _refused(settings)
    if refused:
        return [_step([], [], [], refused)]
    tail = _tail(request, text)
    content = text + tail
    unit = _services(request.facts)
    return [
        _step(
            [
                run(*_READABLE, stdin=content),
                edit(path, content, tail),
                *_restart(path, unit, request.facts),
            ],
            [
                typed(
                    Kind.TEXT,
                    f"Take out of {path} what stands between the two lines of nethood harden.",
                ),
                *_restart(path, unit, request.facts)[:1],
            ],
            _checks(path, tail),
            _notes(request, settings),
        )
    ]


def _configuration(facts: LocalFacts) -> str | None:
    names = ("/smb.conf", "/smb4.conf")
    found = [
        path for path, text in facts.files.items() if path.endswith(names) and text is not None
    ]
    return found[0] if found else None


def _elsewhere(request: PlanRequest) -> Step:
    block = _tail(request, "").strip("\n")
    return _step(
        [
            typed(Kind.TEXT, f"At the end of smb.conf:\n{block}"),
            typed(Kind.SHELL, "testparm -s\nsudo systemctl try-restart smbd nmbd\n"),
        ],
        [
            typed(Kind.TEXT, "Take these lines out of smb.conf again."),
            typed(Kind.SHELL, "sudo systemctl restart smbd nmbd\n"),
        ],
        [Check("nethood check finds SMB1 off, signing required and no name table.")],
        ["There is no smb.conf on this machine that could be read: this is for another one."],
    )


def _step(
    commands: list[Command], undo: list[Command], checks: list[Check], notes: list[str]
) -> Step:
    return Step(
        id="samba-settings",
        platform=Platform.SAMBA,
        title=_TITLE,
        why=(
            "SMB1 can't encrypt and can be talked down; a guest needs no password and can't "
            "sign; without signing, logons and files can be changed on the way."
        ),
        breaks=[
            "Clients that only speak SMB1: Windows XP, old copiers, consoles, media players.",
            "Clients that only speak to port 139, and names that only NetBIOS knows.",
            "Whoever came in without a password: every share wants a user of Samba now.",
            "SMB sessions that are open now are cut once by the restart; clients come back by "
            "themselves. ssh is not touched.",
        ],
        commands=commands,
        undo=undo,
        verify=checks,
        notes=notes,
    )


def _tail(request: PlanRequest, text: str) -> str:
    included = [request.facts.files.get(path) or "" for path in smb_conf.includes(text)]
    return smb_conf.tail(
        text, _wanted(request, list(smb_conf.parse(text))), smb_conf.guest_shares([*included, text])
    )


def _wanted(request: PlanRequest, settings: list[smb_conf.Setting]) -> dict[str, str]:
    given = (smb_conf.effective(settings, "smb ports") or "445").replace(",", " ").split()
    ports = [port for port in given if port != "139"] or ["445"]
    wanted = {
        "server min protocol": _newest(smb_conf.effective(settings, "server min protocol")),
        "server signing": "mandatory",
        "smb encrypt": _encryption(smb_conf.effective(settings, "smb encrypt")),
        "map to guest": "Never",
        "restrict anonymous": "2",
        "usershare allow guests": "no",
        "disable netbios": "yes",
        "smb ports": " ".join(ports),
    }
    if request.allow:
        wanted["hosts allow"] = " ".join(["127.0.0.1", "::1", *request.allow_v4, *request.allow_v6])
    return wanted


def _encryption(value: str | None) -> str:
    """Return what is set where it refuses clients that can't encrypt, else "desired"."""
    strict = ("required", "mandatory", "force", "forced")
    return value if value is not None and value.lower() in strict else "desired"


def _newest(minimum: str | None) -> str:
    """Return the minimum that is set where it is SMB2 or newer already, else SMB2_02."""
    if minimum is not None and minimum.upper().startswith(("SMB2", "SMB3")):
        return minimum
    return "SMB2_02"


def _refused(settings: list[smb_conf.Setting]) -> list[str]:
    """Say why this Samba can't be changed by its file."""
    if (smb_conf.effective(settings, "config backend") or "").lower() == "registry":
        return [
            "This Samba keeps its settings in its registry: set them there, with",
            "net conf setparm global 'server min protocol' SMB2_02, and so on.",
        ]
    role = (smb_conf.effective(settings, "server role") or "").lower()
    if role in ("active directory domain controller", "dc", "domain controller"):
        return [
            "This Samba is a domain controller: its members need what would be turned off; "
            "set only server min protocol and server signing there, by hand."
        ]
    return []


def _notes(request: PlanRequest, settings: list[smb_conf.Setting]) -> list[str]:
    notes = []
    hosts = smb_conf.effective(settings, "hosts allow")
    if request.allow and hosts:
        notes.append(f"hosts allow was {hosts}: the allowed networks take its place.")
    included = [s.value for s in settings if s.name == "include" and s.value]
    if included:
        notes.append(
            f"smb.conf includes {', '.join(dict.fromkeys(included))}: what they set globally is "
            "overruled; a share of theirs that can't be read here keeps its guests."
        )
    if not request.facts.systemd:
        notes.append(
            "Without systemd Samba is only told to read its file again: port 139 stays open "
            "until smbd is restarted, and nmbd runs until it is stopped."
        )
    return notes


def _services(facts: LocalFacts) -> list[str]:
    names = (*UNITS, *NETBIOS_UNITS)
    return [u for u in names if any(f"{folder}/{u}" in facts.files for folder in _UNIT_FOLDERS)]


def _restart(path: str, services: list[str], facts: LocalFacts) -> list[Command]:
    """Return what makes Samba take its file; a service that is stopped stays so."""
    if not facts.systemd or not services:
        return [run("sh", "-c", _READ_AGAIN, f"--configfile={path}")]
    files = [unit for unit in services if unit in UNITS]
    names = [unit for unit in services if unit in NETBIOS_UNITS]
    commands = [run("systemctl", "try-restart", *files)] if files else []
    return commands + ([run("systemctl", "stop", *names)] if names else [])


def _checks(path: str, tail: str) -> list[Check]:
    # A stricter minimum may be one of the names that testparm writes in its own way.
    minimum = "server min protocol = SMB2_02\n"
    return [
        Check(f"{path} ends with the settings.", path=path, contains=(tail,)),
        Check(
            "testparm says that they are the ones that count.",
            argv=("testparm", "-s", "-v", path),
            contains=(
                *((f"\t{minimum}",) if f"   {minimum}" in tail else ()),
                "\tdisable netbios = Yes\n",
                "\tmap to guest = Never\n",
                "\trestrict anonymous = 2\n",
            ),
        ),
        Check("nethood check finds SMB1 off, signing required and 139 closed."),
    ]


def capture(step: Step, machine: Machine) -> list[Undo]:
    """Return how it is taken back: smb.conf first, then the services as they are now, with it.

    Raises LocalError where there is no file to change.
    """
    from nethood.exposure.harden.journal import Undo, save

    files = [command for command in step.commands if command.kind is Kind.FILE]
    if not files:
        raise LocalError("there is no smb.conf here that could be changed")
    (conf,) = files
    saved = save(conf.path, machine.look(conf.path), conf.inserted, [])
    commands = []
    for command in step.commands:
        if command.argv[:2] == ("systemctl", "stop"):
            running = [u for u in command.argv[2:] if _is_active(u, machine)]
            commands += [run("systemctl", "start", *running)] if running else []
        elif command.kind is Kind.ARGV and command.argv[0] != "testparm":
            commands.append(command)
    return [Undo(files=(saved,), commands=tuple(commands))]


def _is_active(unit: str, machine: Machine) -> bool:
    return machine.run(("systemctl", "is-active", "--quiet", unit)).status == 0


def observe(step: Step, machine: Machine) -> str:
    """Return nothing: all that is ours is in the file."""
    return ""
