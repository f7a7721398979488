"""Which releases of Windows have a build, and which devices have a name or an address.

Sources: those of findings/kinds/releases.py, where the support dates stand; the native OS strings
that scanners have collected (rapid7/recog xml/smb_native_os.xml). Which releases are based on
another's build: Microsoft's announcements of enablement packages (1909 over 1903, 20H2 to 22H2
over 2004, 23H2 over 22H2, 25H2 and 26H2 over 24H2); nmap/nmap#2805 for what NTLM then tells.
"""

from __future__ import annotations

from typing import NamedTuple


class Release(NamedTuple):
    """What shows a build: releases for desks and those for servers; either can be empty.

    An update that only switches features on leaves the build in NTLM behind: such releases stand
    with the one they are based on, and by their own build.
    """

    version: tuple[int, int]
    client: str = ""
    server: str = ""


_10 = (10, 0)
BUILDS: dict[int, Release] = {
    1381: Release((4, 0), "Windows NT 4.0", "Windows NT 4.0 Server"),
    2195: Release((5, 0), "Windows 2000", "Windows 2000 Server"),
    2600: Release((5, 1), "Windows XP"),
    3790: Release((5, 2), "Windows XP x64", "Windows Server 2003"),
    6000: Release((6, 0), "Windows Vista"),
    6001: Release((6, 0), "Windows Vista SP1", "Windows Server 2008"),
    6002: Release((6, 0), "Windows Vista SP2", "Windows Server 2008 SP2"),
    6003: Release((6, 0), "", "Windows Server 2008 SP2"),
    7600: Release((6, 1), "Windows 7", "Windows Server 2008 R2"),
    7601: Release((6, 1), "Windows 7 SP1", "Windows Server 2008 R2 SP1"),
    9200: Release((6, 2), "Windows 8", "Windows Server 2012"),
    9600: Release((6, 3), "Windows 8.1", "Windows Server 2012 R2"),
    10240: Release(_10, "Windows 10 1507"),
    10586: Release(_10, "Windows 10 1511"),
    14393: Release(_10, "Windows 10 1607", "Windows Server 2016"),
    15063: Release(_10, "Windows 10 1703"),
    16299: Release(_10, "Windows 10 1709", "Windows Server 1709"),
    17134: Release(_10, "Windows 10 1803", "Windows Server 1803"),
    17763: Release(_10, "Windows 10 1809", "Windows Server 2019"),
    18362: Release(_10, "Windows 10 1903 or 1909", "Windows Server 1903 or 1909"),
    18363: Release(_10, "Windows 10 1909", "Windows Server 1909"),
    19041: Release(_10, "Windows 10 2004 to 22H2", "Windows Server 2004 or 20H2"),
    19042: Release(_10, "Windows 10 20H2", "Windows Server 20H2"),
    19043: Release(_10, "Windows 10 21H1"),
    19044: Release(_10, "Windows 10 21H2"),
    19045: Release(_10, "Windows 10 22H2"),
    20348: Release(_10, "", "Windows Server 2022"),
    22000: Release(_10, "Windows 11 21H2"),
    22621: Release(_10, "Windows 11 22H2 or 23H2"),
    22631: Release(_10, "Windows 11 23H2"),
    25398: Release(_10, "", "Windows Server 23H2"),
    26100: Release(_10, "Windows 11 24H2 to 26H2", "Windows Server 2025"),
    26200: Release(_10, "Windows 11 25H2"),
    26300: Release(_10, "Windows 11 26H2"),
    28000: Release(_10, "Windows 11 26H1"),
}

WINDOWS_7_BUILD = 7600
"""From here on a Windows server offers NEGOEX beside NTLM, [MS-NEGOEX] appendix B."""

MAKERS_OF_NAMES = {
    "DISKSTATION": "Synology NAS",  # nmap's nmap-service-probes; nmblookup logs in forums
    "FRITZ-NAS": "FRITZ!Box",  # volumio's list of network shares; UNC paths in forums
}
"""How a computer's name begins -> the device that is delivered under it."""

MAKERS_OF_MACS = {
    # nmap's nmap-mac-prefixes, makers of little else that serves files.
    "00:11:32": "Synology NAS",
    "00:08:9B": "QNAP NAS",
    "24:5E:BE": "QNAP NAS",
    "00:80:77": "Brother printer",
    "00:1B:A9": "Brother printer",
    "30:05:5C": "Brother printer",
}
"""The first three bytes of a MAC address -> what its maker builds."""
