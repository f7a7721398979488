"""Samba's client programs, each with an smb.conf of its own: /etc/samba plays no part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.interop.peers import Ran, run
from tests.interop.server import RunningServer


def client_conf(home: Path) -> Path:
    """Write a client's smb.conf where smbclient takes it by -s and libsmbclient by HOME."""
    conf = home / ".smb" / "smb.conf"
    conf.parent.mkdir(parents=True, exist_ok=True)
    paths = ("private dir", "lock directory", "state directory", "cache directory")
    conf.write_text(
        "[global]\n   workgroup = WORKGROUP\n   name resolve order = host\n"
        + "".join(f"   {key} = {home}\n" for key in paths)
    )
    return conf


@dataclass
class Smbclient:
    """smbclient with one dialect, protection and port."""

    server: RunningServer
    home: Path
    dialect: str = "SMB3_11"
    protection: str = "sign"
    port: int | None = None
    share: str = "files"
    credentials: str | None = None
    options: tuple[str, ...] = ()

    def __call__(self, commands: str, *, folder: Path | None = None, timeout_s: float = 60) -> Ran:
        """Run commands, separated by semicolons, in folder of the share."""
        server = self.server
        words = ["smbclient", f"//{server.host}/{self.share}", "-s", client_conf(self.home)]
        words += ["-p", self.port or server.port, "-m", self.dialect, *self.options]
        words += ["-U", self.credentials or server.credentials]
        words += [f"--client-protection={self.protection}"]
        if folder:
            words += ["-D", folder.relative_to(server.path(self.share))]
        return run(
            [str(word) for word in (*words, "-c", commands)],
            timeout_s,
            namespace=server.options.namespace,
            cwd=self.home,
        )

    def ok(self, commands: str, *, folder: Path | None = None, timeout_s: float = 60) -> str:
        """Run commands that must all succeed; return what smbclient printed."""
        ran = self(commands, folder=folder, timeout_s=timeout_s)
        assert ran.status == 0, ran.output
        assert "NT_STATUS" not in ran.output, ran.output
        return ran.output
