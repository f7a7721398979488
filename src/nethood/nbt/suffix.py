"""The 16th byte of a NetBIOS name: which service registered it, by Microsoft's convention.

The convention is a list of name shapes, [MS-BRWS] 2.1.1.1 and vendors' additions; some suffixes
stand for different services in unique and in group names, a few under certain names only.
"""

from __future__ import annotations

from typing import NamedTuple

WORKSTATION = 0x00
MESSENGER = 0x03
RAS_SERVER = 0x06
DOMAIN_MASTER_BROWSER = 0x1B
DOMAIN_CONTROLLERS = 0x1C
MASTER_BROWSER = 0x1D
BROWSER_ELECTIONS = 0x1E
NETDDE = 0x1F
FILE_SERVER = 0x20
RAS_CLIENT = 0x21

MSBROWSE = "\x01\x02__MSBROWSE__\x02"
"""The group all master browsers of a network are in, with suffix 0x01."""


class Service(NamedTuple):
    """A row of the convention; *name* is the name's shape, ``<...>`` standing for any name."""

    name: str
    suffix: int
    is_group: bool
    service: str


SERVICES = (
    Service("<computername>", 0x00, False, "Workstation Service"),
    Service("<computername>", 0x01, False, "Messenger Service"),
    Service(MSBROWSE, 0x01, True, "Master Browser"),
    Service("<computername>", 0x03, False, "Messenger Service"),
    Service("<computername>", 0x06, False, "RAS Server Service"),
    Service("<computername>", 0x1F, False, "NetDDE Service"),
    Service("<computername>", 0x20, False, "File Server Service"),
    Service("<computername>", 0x21, False, "RAS Client Service"),
    Service("<computername>", 0x22, False, "Microsoft Exchange Interchange (MSMail Connector)"),
    Service("<computername>", 0x23, False, "Microsoft Exchange Store"),
    Service("<computername>", 0x24, False, "Microsoft Exchange Directory"),
    Service("<computername>", 0x30, False, "Modem Sharing Server Service"),
    Service("<computername>", 0x31, False, "Modem Sharing Client Service"),
    Service("<computername>", 0x43, False, "SMS Clients Remote Control"),
    Service("<computername>", 0x44, False, "SMS Administrators Remote Control Tool"),
    Service("<computername>", 0x45, False, "SMS Clients Remote Chat"),
    Service("<computername>", 0x46, False, "SMS Clients Remote Transfer"),
    Service("<computername>", 0x4C, False, "DEC Pathworks TCPIP service on Windows NT"),
    Service("<computername>", 0x42, False, "McAfee anti-virus"),
    Service("<computername>", 0x52, False, "DEC Pathworks TCPIP service on Windows NT"),
    Service("<computername>", 0x87, False, "Microsoft Exchange MTA"),
    Service("<computername>", 0x6A, False, "Microsoft Exchange IMC"),
    Service("<computername>", 0xBE, False, "Network Monitor Agent"),
    Service("<computername>", 0xBF, False, "Network Monitor Application"),
    Service("<username>", 0x03, False, "Messenger Service"),
    Service("<domain>", 0x00, True, "Domain Name"),
    Service("<domain>", 0x1B, False, "Domain Master Browser"),
    Service("<domain>", 0x1C, True, "Domain Controllers"),
    Service("<domain>", 0x1D, False, "Master Browser"),
    Service("<domain>", 0x1E, True, "Browser Service Elections"),
    Service("INet~Services", 0x1C, True, "IIS"),
    Service("IS~<computername>", 0x00, False, "IIS"),
    Service("<computername>", 0x2B, False, "Lotus Notes Server Service"),
    Service("IRISMULTICAST", 0x2F, True, "Lotus Notes"),
    Service("IRISNAMESERVER", 0x33, True, "Lotus Notes"),
    Service("Forte_$ND800ZA", 0x20, False, "DCA IrmaLan Gateway Server Service"),
)
"""All 36 rows."""


_Key = tuple[int, bool]


def _index() -> tuple[dict[_Key, str], dict[_Key, list[Service]]]:
    general: dict[_Key, str] = {}
    named: dict[_Key, list[Service]] = {}
    for row in SERVICES:
        key = (row.suffix, row.is_group)
        if row.name.startswith("<"):
            general.setdefault(key, row.service)
        else:
            named.setdefault(key, []).append(row)
    # A suffix only special names have needs no name to be recognised.
    return {key: rows[0].service for key, rows in named.items()} | general, named


_GENERAL, _NAMED = _index()


def describe(suffix: int, is_group: bool, name: str = "") -> str:
    """Return the service a name with *suffix* stands for; an unknown one as ``<XX>``.

    *name* tells apart the services known by their whole name, like ``INet~Services``.
    """
    key = (suffix, is_group)
    for row in _NAMED.get(key, ()):
        if _has_shape(name.upper(), row.name.upper()):
            return row.service
    return _GENERAL.get(key, f"<{suffix:02X}>")


def _has_shape(name: str, shape: str) -> bool:
    prefix, is_open, _ = shape.partition("<")
    return name.startswith(prefix) if is_open else name == prefix
