"""macOS pf: rules in an anchor of our own, loaded at every start by a launch daemon.

Apple's /etc/pf.conf calls every anchor below com.apple, so ours is one of them and that file,
which system updates replace, is not touched. pf is switched on with -E and a token, so that
taking it back does not switch it off for somebody else.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from nethood.exposure.harden.model import (
    TCP_PORTS,
    UDP_PORTS,
    Check,
    Kind,
    PlanRequest,
    Platform,
    Step,
    typed,
    write,
)

ANCHOR = "com.apple/nethood"
RULES = "/etc/pf.anchors/nethood"
DAEMON = "/Library/LaunchDaemons/nethood.harden.plist"
TOKEN = "/var/db/nethood-harden.token"


def steps(request: PlanRequest) -> list[Step]:
    """Return what closes the ports now, and what closes them at every start."""
    return [_rules(request), _daemon()]


def _rules(request: PlanRequest) -> Step:
    return Step(
        id="pf-anchor",
        platform=Platform.PF,
        title="Close ports 137 to 139 and 445 in a pf anchor of its own",
        why=(
            "Whoever reaches these ports can ask for names, try passwords and use every weakness "
            "of SMB."
        ),
        breaks=[
            "File sharing of this Mac, for everybody outside the allowed networks.",
            "SMB sessions that are open from outside them stop at once; ssh is not touched.",
            "This Mac is no longer found by its NetBIOS name.",
        ],
        commands=[
            write(RULES, anchor(request)),
            typed(Kind.SHELL, LOAD),
        ],
        undo=[typed(Kind.SHELL, UNLOAD)],
        verify=[
            Check(f"sudo pfctl -a {ANCHOR} -s rules prints the rules."),
            Check('sudo pfctl -s rules has the line: anchor "com.apple/*" all'),
            Check("From an address that is not allowed, nethood check finds the ports filtered."),
        ],
        notes=[
            'Where /etc/pf.conf was changed and no longer says anchor "com.apple/*", the rules '
            "are loaded but never asked: the last command says so.",
        ],
    )


def _daemon() -> Step:
    return Step(
        id="pf-daemon",
        platform=Platform.PF,
        title="Load the anchor at every start",
        why="pf forgets its anchors when the Mac restarts, and is off until somebody needs it.",
        commands=[
            write(DAEMON, PLIST),
            typed(Kind.SHELL, f"sudo launchctl bootstrap system {DAEMON}\n"),
        ],
        undo=[
            typed(
                Kind.SHELL,
                f"sudo launchctl bootout system/nethood.harden\nsudo rm {DAEMON}\n",
            )
        ],
        verify=[Check("sudo launchctl print system/nethood.harden knows it.")],
        lasts=True,
    )


def anchor(request: PlanRequest) -> str:
    """Return the rules of the anchor for the allowed networks of *request*."""
    allow = [*request.allow_v4, *request.allow_v6]
    lines = [
        "# nethood harden: who may reach NetBIOS and SMB. Written whole; edits are lost.",
        *([f"table <nethood_allow> const {{ {', '.join(allow)} }}"] if allow else []),
        *_for_each("pass in quick on lo0 proto {} from any to any port {}"),
        *(_for_each("pass in quick proto {} from <nethood_allow> to any port {}") if allow else []),
        *_for_each("block drop in quick proto {} from any to any port {}"),
    ]
    return "\n".join([*lines, ""])


def _for_each(rule: str) -> list[str]:
    ports = (("tcp", TCP_PORTS), ("udp", UDP_PORTS))
    return [
        rule.format(protocol, "{ " + ", ".join(map(str, numbers)) + " }")
        for protocol, numbers in ports
    ]


_ENABLE = (
    "t=$(pfctl -E 2>&1 | sed -n 's/^Token : //p'); "
    f"[ -s {TOKEN} ] && pfctl -X $(cat {TOKEN}); echo $t > {TOKEN}"
)

LOAD = f"""\
sudo pfctl -n -a {ANCHOR} -f {RULES}
sudo pfctl -a {ANCHOR} -f {RULES}
sudo sh -c "{_ENABLE.replace("$", chr(92) + "$")}"
sudo pfctl -s rules | grep -F 'anchor "com.apple/*"' || echo 'pf.conf does not call the anchor'
"""

UNLOAD = f"""\
sudo pfctl -a {ANCHOR} -F all
sudo sh -c "[ -s {TOKEN} ] && pfctl -X \\$(cat {TOKEN})"
sudo rm -f {TOKEN} {RULES}
"""

_AT_START = f"pfctl -a {ANCHOR} -f {RULES}; rm -f {TOKEN}; {_ENABLE}"

PLIST = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"
  "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
    <key>Label</key>
    <string>nethood.harden</string>
    <key>ProgramArguments</key>
    <array>
        <string>/bin/sh</string>
        <string>-c</string>
        <string>{escape(_AT_START)}</string>
    </array>
    <key>RunAtLoad</key>
    <true/>
</dict>
</plist>
"""
