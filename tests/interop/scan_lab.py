"""Real servers to be scanned, and what must be found of each, written down before any scan.

Every expectation follows from the configuration: what it switches on or leaves open has its
finding, and nothing else has one. Three namespaces hang on two cables: the scanner; a host of
many addresses with a server on each; a host with the one nmbd, which takes port 137 as a whole.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop import peers
from tests.interop.lan import cable

MANY, NAMED = "10.77.0", "10.78.0"
_START_S = 30.0
_ALWAYS = frozenset({"smb-reachable", "ntlm-information", "ntlm-only"})
"""Any server outside a domain that knows NTLM."""
_SAMBA = _ALWAYS | {"signing-not-required", "old-dialects", "session-service-open"}
"""smbd as it comes: signs on request, speaks from 2.0.2 on, listens on 139 too."""
_NOBODY = frozenset({"anonymous-session", "null-session-shares", "anonymous-account-pipes"})
"""smbd lets nobody in, and shows shares and accounts, unless told otherwise."""
_SMB1 = frozenset({"smb1-enabled", "smb1-signing-not-required"})
_NAMES = frozenset(
    {"netbios-name-service", "netbios-names-told", "netbios-amplification", "browser-role"}
)
_TOO_OLD = frozenset({"smb311-missing", "no-encryption"})


@dataclass(frozen=True)
class Expected:
    """A server, how it is set up, and the ids of all that must be found of it."""

    address: str
    findings: frozenset[str]
    grade: str
    settings: dict[str, str] = field(default_factory=dict)
    at_best: bool = False


SMBD = {
    "SMB1 on": Expected(
        f"{MANY}.11", _SAMBA | _NOBODY | _SMB1, "D", {"server min protocol": "NT1"}
    ),
    "SMB1 alone": Expected(
        f"{MANY}.12",
        # Sessions are asked for over SMB2: who may log on is not known, nor is what SMB2 tells.
        frozenset({"smb-reachable", "ntlm-information", "session-service-open", "smb1-only"})
        | _SMB1,
        "D",
        {"server min protocol": "NT1", "server max protocol": "NT1"},
        at_best=True,
    ),
    # [MS-SMB2] 3.3.5.4: an SMB2 server can't say that signing is off, and smbd does not.
    "signing off": Expected(f"{MANY}.13", _SAMBA | _NOBODY, "C", {"server signing": "disabled"}),
    "signing required": Expected(
        f"{MANY}.14",
        # An anonymous session has no key to sign with, and smbd takes it all the same.
        (_SAMBA | _NOBODY) - {"signing-not-required"},
        "C",
        {"server signing": "mandatory"},
    ),
    "guest": Expected(
        f"{MANY}.15",
        _SAMBA | _NOBODY | {"guest-session", "anonymous-read"},
        "C",
        {"map to guest": "Bad User", "guest ok": "yes", "force user": "root"},
    ),
    "encryption only": Expected(
        f"{MANY}.16",
        # An anonymous session has no key to encrypt with, so there is none.
        _SAMBA,
        "C",
        {"server smb encrypt": "required"},
    ),
    "old dialects only": Expected(
        f"{MANY}.17", _SAMBA | _NOBODY | _TOO_OLD, "C", {"server max protocol": "SMB2_10"}
    ),
    "everybody writes": Expected(
        f"{MANY}.18",
        _SAMBA | _NOBODY | {"anonymous-write"},
        "D",
        {"guest ok": "yes", "read only": "no", "force user": "root"},
    ),
}
NMBD = Expected(f"{NAMED}.2", _SAMBA | _NOBODY | _NAMES, "C", {"local master": "no"})
IMPACKET = Expected(
    f"{MANY}.21",
    # It takes anybody, writes where it reads, speaks 2.0.2 alone and SMB1 beside it; what it
    # says of its start is the time of the question.
    (_ALWAYS | _SMB1 | _TOO_OLD)
    | {"signing-not-required", "old-dialects", "anonymous-session", "null-session-shares"}
    | {"anonymous-write", "guest-session", "boot-time-told"},
    "D",
)
NETHOOD = {
    "as it comes": Expected(f"{MANY}.31", _ALWAYS | {"old-dialects"}, "A"),
    "signing enabled": Expected(
        f"{MANY}.32",
        _ALWAYS | {"old-dialects", "signing-not-required"},
        "C",
        {"signing": '"enabled"'},
    ),
    "old dialects": Expected(
        f"{MANY}.33", _ALWAYS | {"old-dialects"} | _TOO_OLD, "C", {"max_dialect": '"2.1"'}
    ),
    "new dialects": Expected(f"{MANY}.34", _ALWAYS, "A", {"min_dialect": '"3.0"'}),
    "encryption only": Expected(f"{MANY}.35", _ALWAYS | {"old-dialects"}, "A", {"encrypt": "true"}),
    "port 139 too": Expected(f"{MANY}.36", _ALWAYS | {"old-dialects", "session-service-open"}, "B"),
}
TABLE: dict[str, Expected] = {
    **{f"smbd, {name}": expected for name, expected in SMBD.items()},
    "smbd and nmbd": NMBD,
    "impacket": IMPACKET,
    **{f"nethood, {name}": expected for name, expected in NETHOOD.items()},
}
_PORT_139 = ("port 139 too",)

_IMPACKET = """
import sys
from impacket.smbserver import SimpleSMBServer
server = SimpleSMBServer(sys.argv[1], 445)
server.setSMB2Support(True)
server.addShare("FILES", sys.argv[2], "")
server.start()
"""


@dataclass
class Lab:
    """The network while it is up: *scanner* is the namespace to scan from."""

    scanner: str
    many: str
    named: str

    def run(self, words: list[str | Path], home: Path, timeout_s: float = 90) -> peers.Ran:
        """Run a program on the scanner."""
        env = {"XDG_STATE_HOME": str(home)}
        return peers.run(words, timeout_s, namespace=self.scanner, env=env)

    def nethood(self, home: Path, *words: str) -> peers.Ran:
        """Run one of our commands on the scanner."""
        return self.run([sys.executable, "-m", "nethood", *words], home)


@contextmanager
def running(make_namespace: Callable[[], str], folder: Path) -> Iterator[Lab]:
    """Build the network and start every server of TABLE."""
    peers.need("ip", "nmbd", "impacket")
    lab = Lab(make_namespace(), make_namespace(), make_namespace())
    cable(lab.scanner, lab.many, "lan0", MANY)
    cable(lab.scanner, lab.named, "lan1", NAMED)
    for expected in TABLE.values():
        if expected is not NMBD:
            words = ["ip", "address", "add", f"{expected.address}/24", "dev", "lan0"]
            assert peers.run(words, 10, namespace=lab.many).status == 0
    with ExitStack() as stack:
        for name, expected in SMBD.items():
            _smbd(stack, lab.many, expected, folder / f"smbd {name}".replace(" ", "-"))
        state = folder / "named"
        _smbd(stack, lab.named, NMBD, state)
        # It leaves with its parent's input where that ends.
        nmbd: list[str | Path] = [
            "nmbd",
            "-F",
            "--no-process-group",
            "-s",
            state / "smb.conf",
            "-l",
            state,
        ]
        _program(stack, lab.named, nmbd, state)
        _program(
            stack,
            lab.many,
            [sys.executable, "-c", _IMPACKET, IMPACKET.address, _made(folder / "impacket")],
            folder / "impacket",
        )
        for name, expected in NETHOOD.items():
            _nethood(stack, lab.many, expected, name, folder / f"nethood {name}".replace(" ", "-"))
        _await_all(lab)
        yield lab


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _smbd(stack: ExitStack, namespace: str, expected: Expected, state: Path) -> None:
    (_made(state) / "files").mkdir(mode=0o755)
    (state / "smb.conf").write_text(_smb_conf(expected, state))
    command: list[str | Path] = [
        "smbd",
        "-F",
        "--no-process-group",
        "-s",
        state / "smb.conf",
        "-l",
        state,
    ]
    stack.callback(_end_rpc_server, state)
    _program(stack, namespace, command, state)


def _smb_conf(expected: Expected, state: Path) -> str:
    settings = {
        "smb ports": "445 139",
        "interfaces": f"{expected.address}/24",
        "bind interfaces only": "yes",
        "netbios name": f"PEER{expected.address.rpartition('.')[2]}",
        "workgroup": "HOUSE",
        "passdb backend": f"tdbsam:{state}/passdb.tdb",
        "log file": f"{state}/log.smbd",
        "load printers": "no",
        "ncalrpc dir": f"{state}/ncalrpc",
    }
    for key in ("private dir", "lock directory", "state directory", "cache directory"):
        settings[key] = str(state)
    settings["pid directory"] = str(state)
    lines = "".join(
        f"   {key} = {value}\n" for key, value in (settings | expected.settings).items()
    )
    return f"[global]\n{lines}[files]\n   path = {state / 'files'}\n"


def _end_rpc_server(state: Path) -> None:
    """End the RPC server that smbd started: it outlives it, in a session of its own."""
    import os
    import signal

    pid_file = state / "samba-dcerpcd.pid"
    if pid_file.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGTERM)


def _nethood(stack: ExitStack, namespace: str, expected: Expected, name: str, state: Path) -> None:
    (_made(state) / "files").mkdir()
    places = [f'"{expected.address}:445"']
    if name in _PORT_139:
        places.append(f'"{expected.address}:139"')
    settings = {"listen": f"[{', '.join(places)}]", "discovery": "false"} | expected.settings
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    config = state / "nethood.toml"
    config.write_text(f'[server]\nname = "ATTIC"\n{lines}[shares.files]\npath = "files"\n')
    (state / "password").write_text("correct-horse-9\n")
    command: list[str | Path] = [sys.executable, "-m", "nethood", "serve", "--config", config]
    command += ["--user", "alice", "--password-file", state / "password"]
    _program(stack, namespace, command, state)


def _program(stack: ExitStack, namespace: str, command: list[str | Path], state: Path) -> None:
    """Start a program that ends with the stack; what it says goes to a file in *state*."""
    log = stack.enter_context((state / f"said-{Path(command[0]).name}").open("wb"))
    process = subprocess.Popen(
        peers.in_namespace(namespace, command),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # when smbd ends it signals its whole process group
    )
    stack.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_AWAIT = """
import socket, sys, time
for address in sys.argv[2:]:
    while True:
        try:
            socket.create_connection((address, 445), 1).close()
            break
        except OSError:
            if time.monotonic() > float(sys.argv[1]):
                sys.exit(f"nobody answers on {address}")
            time.sleep(0.05)
"""


def _await_all(lab: Lab) -> None:
    """Wait until every server accepts connections and nmbd has its names."""
    ends = time.monotonic() + _START_S
    addresses = [expected.address for expected in TABLE.values()]
    words = [sys.executable, "-c", _AWAIT, str(ends), *addresses]
    ran = peers.run(words, _START_S + 10, namespace=lab.scanner)
    if ran.status:
        raise RuntimeError(ran.output)
    query = ["nmblookup", "-s", "/dev/null", "-A", NMBD.address]
    while "<1e>" not in peers.run(query, 20, namespace=lab.scanner).output:
        if time.monotonic() > ends:
            raise RuntimeError("nmbd has not taken its names")
        time.sleep(0.1)
