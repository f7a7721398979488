"""The exact line that mounts a share, for each system."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import quote

SMB_PORT = 445


@dataclass(frozen=True, slots=True)
class Target:
    """What a client mounts: an address, a port, a share and who logs in."""

    host: str
    port: int
    share: str
    user: str
    encrypt: bool = False


def lines(target: Target) -> list[tuple[str, str]]:
    """Return (system, command) pairs; each command runs as printed and asks for the password."""
    return [
        ("Windows", windows(target)),
        ("macOS", macos(target)),
        ("Linux", linux(target)),
        ("smbclient", smbclient(target)),
    ]


def remark(target: Target) -> str | None:
    """Return what somebody should know before trying a line, or None."""
    if target.port == SMB_PORT:
        return None
    return "Windows needs to be 11 24H2, Server 2025 or newer: older ones know port 445 only."


def windows(target: Target) -> str:
    """Return the `net use` line; another port than 445 needs Windows 11 24H2 or Server 2025."""
    host = target.host
    if ":" in host:
        host = host.replace(":", "-").replace("%", "s") + ".ipv6-literal.net"
    port = "" if target.port == SMB_PORT else f" /TCPPORT:{target.port}"
    where = "\\\\" + host + "\\" + target.share
    return f"net use Z: {_cmd(where)} /user:{_cmd(target.user)}{port}"


def macos(target: Target) -> str:
    """Return the line for Terminal; what stands between the quotes also works in Finder."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port == SMB_PORT else f":{target.port}"
    url = f"smb://{quote(target.user, safe='')}@{host}{port}/{quote(target.share, safe='')}"
    return f"open {_always_quoted(url)}"


def linux(target: Target) -> str:
    """Return the line for the kernel's cifs client (package cifs-utils)."""
    options = [f"username={target.user}", f"port={target.port}", "vers=3.1.1"]
    if target.encrypt:
        options.append("seal")
    where = shlex.quote(f"//{target.host}/{target.share}")
    return f"sudo mount -t cifs {where} /mnt -o {shlex.quote(','.join(options))},uid=$(id -u)"


def smbclient(target: Target) -> str:
    """Return the line for Samba's command line client."""
    where = shlex.quote(f"//{target.host}/{target.share}")
    port = "" if target.port == SMB_PORT else f" -p {target.port}"
    return f"smbclient {where} -U {shlex.quote(target.user)}{port}"


def _cmd(text: str) -> str:
    return f'"{text}"' if " " in text or "&" in text else text


def _always_quoted(text: str) -> str:
    quoted = shlex.quote(text)
    return quoted if quoted.startswith("'") else f"'{text}'"
