"""A machine to harden: a network namespace and files of its own, a stranger and a friend beside it.

The machine is a network namespace together with a mount namespace in which /etc, /run, /var/log
and /var/lib are copies: what is done to it never touches the computer the tests run on.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop import peers
from tests.interop.lan import cable

STRANGER, FRIEND = "10.77.0", "10.88.0"
ALLOWED = ("10.88.0.0/24", "fd88::/64")
PORTS = (22, 139, 445)
_CLONE_NEWNET = 0x40000000
_HERE = Path(__file__).parent
_HOLD = """
set -e
mount --make-rprivate /
for name in etc run var/log var/lib; do mount --bind "$1/$name" "/$name"; done
ip link set lo up
echo ready
exec cat
"""


def in_namespace(name: str, make: Callable[[], Any]) -> Any:
    """Call *make* in a thread that lives in a namespace: its sockets stay there."""
    result: list[Any] = []

    def enter() -> None:
        with open(f"/run/netns/{name}", "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        result.append(make())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return result[0]


class Listeners:
    """Answers at ports 22, 139, 445 (TCP) and 137, 138 (UDP) of a namespace: it sends all back."""

    def __init__(self, namespace: str) -> None:
        self._sockets: list[socket.socket] = in_namespace(namespace, self._open)
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @staticmethod
    def _open() -> list[socket.socket]:
        made = [
            socket.create_server(("::", p), family=socket.AF_INET6, dualstack_ipv6=True)
            for p in PORTS
        ]
        for port in (137, 138):
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(("::", port))
            made.append(sock)
        return made

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in (*self._sockets, self._ended):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._ended:
                        return self._close(selector)
                    self._answer(key.fileobj, selector)  # type: ignore[arg-type]

    def _answer(self, sock: socket.socket, selector: selectors.BaseSelector) -> None:
        if sock.type == socket.SOCK_DGRAM:
            data, source = sock.recvfrom(2048)
            with contextlib.suppress(OSError):
                sock.sendto(data, source)
        elif sock in self._sockets:
            client, _ = sock.accept()
            selector.register(client, selectors.EVENT_READ)
        else:
            try:
                data = sock.recv(2048)
            except OSError:
                data = b""
            if data:
                sock.sendall(data)
            else:
                selector.unregister(sock)
                sock.close()

    @staticmethod
    def _close(selector: selectors.BaseSelector) -> None:
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]

    def close(self) -> None:
        self._end.send(b"x")
        self._thread.join(5)
        self._end.close()


def knock(namespace: str, addresses: tuple[str, ...], wait_s: float = 0.35) -> dict[str, str]:
    """Return what each port of *addresses* does to somebody in *namespace*.

    "open", "closed" or "filtered" by "445/tcp IPv4".
    """
    return {**_knock_tcp(namespace, addresses, wait_s), **_knock_udp(namespace, addresses, wait_s)}


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _label(port: int, protocol: str, address: str) -> str:
    return f"{port}/{protocol} IPv{6 if ':' in address else 4}"


def _knock_tcp(namespace: str, addresses: tuple[str, ...], wait_s: float) -> dict[str, str]:
    wanted = [(address, port) for address in addresses for port in PORTS]
    sockets = in_namespace(
        namespace, lambda: [socket.socket(_family(a), socket.SOCK_STREAM) for a, _ in wanted]
    )
    found = {}
    for sock, where in zip(sockets, wanted, strict=True):
        sock.setblocking(False)
        assert sock.connect_ex(where) in (0, errno.EINPROGRESS)
    waiting = dict(zip(sockets, wanted, strict=True))
    while waiting:
        ready = select.select([], list(waiting), [], wait_s)[1]
        if not ready:
            break
        for sock in ready:
            address, port = waiting.pop(sock)
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            found[_label(port, "tcp", address)] = "closed" if error else "open"
    for address, port in waiting.values():
        found[_label(port, "tcp", address)] = "filtered"
    for sock in sockets:
        sock.close()
    return found


def _knock_udp(namespace: str, addresses: tuple[str, ...], wait_s: float) -> dict[str, str]:
    wanted = [(address, port) for address in addresses for port in (137, 138)]
    sockets = in_namespace(
        namespace, lambda: [socket.socket(_family(a), socket.SOCK_DGRAM) for a, _ in wanted]
    )
    for sock, where in zip(sockets, wanted, strict=True):
        sock.connect(where)
        sock.send(b"anybody there?")
    found = {_label(port, "udp", address): "filtered" for address, port in wanted}
    waiting = dict(zip(sockets, wanted, strict=True))
    while waiting and (ready := select.select(list(waiting), [], [], wait_s)[0]):
        for sock in ready:
            address, port = waiting.pop(sock)
            try:
                sock.recv(100)
                found[_label(port, "udp", address)] = "open"
            except OSError:
                found[_label(port, "udp", address)] = "closed"
    for sock in sockets:
        sock.close()
    return found


@dataclass
class Lab:
    """The machine, and where to look at it from."""

    machine: str
    stranger: str
    friend: str
    files: Path
    holder: subprocess.Popen[str]
    state: Path
    env: dict[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> list[str]:
        """Return what runs *words* on the machine."""
        return ["nsenter", "-t", str(self.holder.pid), "-m", "-n", "--", *words]

    def run(self, *words: str, stdin: str = "", status: int | None = 0) -> str:
        """Run *words* on the machine; return what it prints."""
        path = f"{self.env.get('PATH', os.environ['PATH'])}:/usr/sbin:/sbin"
        ran = subprocess.run(
            self.command(*words),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **self.env, "PATH": path, "LC_ALL": "C"},
        )
        if status is not None:
            assert ran.returncode == status, ran.stdout
        return ran.stdout

    def harden(self, job: str, *, status: int = 0, **options: Any) -> dict[str, Any]:
        """Have the driver do *job* on the machine; return what it reports."""
        words = json.dumps({"job": job, "state": str(self.state), **options})
        said = self.run(sys.executable, str(_HERE / "harden_driver.py"), words, status=status)
        report: dict[str, Any] = json.loads(said.splitlines()[-1])
        return report

    def harden_dying(self, job: str, **options: Any) -> None:
        """Have the driver do *job* and be killed right after it."""
        words = json.dumps({"job": job, "state": str(self.state), "then_die": True, **options})
        self.run(sys.executable, str(_HERE / "harden_driver.py"), words, status=-signal.SIGKILL)

    def from_stranger(self) -> dict[str, str]:
        return knock(self.stranger, (f"{STRANGER}.1", "fd77::1"))

    def from_friend(self) -> dict[str, str]:
        return knock(self.friend, (f"{FRIEND}.1", "fd88::1"))

    def session(self, port: int = 445) -> socket.socket:
        """Return a connection of the stranger's to the machine."""
        sock: socket.socket = in_namespace(
            self.stranger, lambda: socket.create_connection((f"{STRANGER}.1", port), 5)
        )
        sock.settimeout(5)
        assert goes_on(sock)
        return sock

    def tree(self, *folders: str) -> dict[str, str]:
        """Return all there is below *folders* of the machine: kind, mode, content."""
        found = {}
        for folder in folders:
            for path in sorted((self.files / folder.lstrip("/")).rglob("*")):
                name = "/" + str(path.relative_to(self.files))
                found[name] = _describe(path)
        return found

    def rules(self) -> str:
        """Return the rules the machine has, without their counters."""
        nft = self.run("nft", "-s", "list", "ruleset")
        saved = [self.run(f"{name}-save") for name in ("iptables", "ip6tables")]
        lines = [line for text in saved for line in text.splitlines() if line[:1] not in "#:"]
        return _without_counters(nft) + "\n".join(lines)


def _without_counters(text: str) -> str:
    import re

    return re.sub(r" ?counter packets \d+ bytes \d+", " counter", text)


def _describe(path: Path) -> str:
    status = path.lstat()
    owner = f"{status.st_mode:o} {status.st_uid} {status.st_gid}"
    if path.is_symlink():
        return f"{owner} -> {os.readlink(path)}"
    if path.is_file():
        return f"{owner} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return owner


def goes_on(session: socket.socket) -> bool:
    """Whether a connection still carries data both ways."""
    session.sendall(b"still there?")
    return session.recv(100) == b"still there?"


@contextlib.contextmanager
def laboratory(make_namespace: Callable[[], str], folder: Path) -> Iterator[Lab]:
    """Build the machine and its neighbours; take the machine down at the end."""
    machine, stranger, friend = make_namespace(), make_namespace(), make_namespace()
    files = _copy_of_the_files(folder / "machine")
    for far, network, name in ((stranger, "77", "str0"), (friend, "88", "frd0")):
        cable(machine, far, name, f"10.{network}.0")
        for host, namespace in ((1, machine), (2, far)):
            address = f"fd{network}::{host}/64"
            words = ["ip", "address", "add", address, "dev", name, "nodad"]
            ran = peers.run(words, 10, namespace=namespace)
            assert ran.status == 0, ran.output
    hold = ["ip", "netns", "exec", machine, "unshare", "-m", "sh", "-c", _HOLD, "sh", str(files)]
    holder = subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "ready\n"
    listeners = Listeners(machine)
    try:
        yield Lab(machine, stranger, friend, files, holder, folder / "state")
    finally:
        listeners.close()
        holder.stdin.close()
        holder.wait(10)
        holder.stdout.close()


def _copy_of_the_files(root: Path) -> Path:
    for name in ("run", "var/log", "var/lib"):
        (root / name).mkdir(parents=True)
    shutil.copytree("/etc", root / "etc", symlinks=True, ignore=_sockets)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "run/systemd/system").mkdir(parents=True)
    return root


def _sockets(folder: str, names: list[str]) -> set[str]:
    there = Path(folder)
    return {n for n in names if not (there / n).is_symlink() and (there / n).is_socket()}
