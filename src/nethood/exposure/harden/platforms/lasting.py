"""What loads our rules when the machine starts, where the firewall's own start does not."""

from __future__ import annotations

from nethood.exposure.harden.model import LocalFacts

UNIT_NAME = "nethood-harden.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT_NAME}"
UNIT_LINK = f"/etc/systemd/system/sysinit.target.wants/{UNIT_NAME}"


def unit(commands: str, facts: LocalFacts) -> str:
    """Return a systemd unit that runs *commands*, one a line, before there is a network.

    The firewalls that empty the rules when they start come before it.
    """
    lines = []
    for command in commands.splitlines():
        program, _, rest = command.partition(" ")
        lines.append(f"ExecStart={_full_path(program, facts)} {rest}")
    return "\n".join(
        [
            "[Unit]",
            "Description=Ports 137 to 139 and 445 closed by nethood harden",
            "DefaultDependencies=no",
            "Wants=network-pre.target",
            "After=local-fs.target systemd-modules-load.service nftables.service",
            "After=netfilter-persistent.service iptables.service ip6tables.service",
            "Before=network-pre.target shutdown.target",
            "Conflicts=shutdown.target",
            "",
            "[Service]",
            "Type=oneshot",
            "RemainAfterExit=yes",
            *lines,
            "",
            "[Install]",
            "WantedBy=sysinit.target",
            "",
        ]
    )


def _full_path(program: str, facts: LocalFacts) -> str:
    return facts.programs.get(program, f"/usr/sbin/{program}")
