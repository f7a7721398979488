"""The 16th byte of a NetBIOS name: which service registered it, by Microsoft's convention."""

from __future__ import annotations

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

UNIQUE_SERVICES = {
    WORKSTATION: "Workstation",
    0x01: "Messenger",
    MESSENGER: "Messenger",
    RAS_SERVER: "RAS Server",
    DOMAIN_MASTER_BROWSER: "Domain Master Browser",
    MASTER_BROWSER: "Master Browser",
    NETDDE: "NetDDE",
    FILE_SERVER: "File Server",
    RAS_CLIENT: "RAS Client",
    0x22: "Microsoft Exchange Interchange",
    0x23: "Microsoft Exchange Store",
    0x24: "Microsoft Exchange Directory",
    0x2B: "Lotus Notes Server",
    0x30: "Modem Sharing Server",
    0x31: "Modem Sharing Client",
    0x42: "McAfee anti-virus",
    0x43: "SMS Clients Remote Control",
    0x44: "SMS Administrators Remote Control Tool",
    0x45: "SMS Clients Remote Chat",
    0x46: "SMS Clients Remote Transfer",
    0x4C: "DEC Pathworks TCPIP",
    0x52: "DEC Pathworks TCPIP",
    0x6A: "Microsoft Exchange IMC",
    0x87: "Microsoft Exchange MTA",
    0xBE: "Network Monitor Agent",
    0xBF: "Network Monitor Application",
}
"""What a unique name with this suffix stands for."""

GROUP_SERVICES = {
    WORKSTATION: "Domain Name",
    0x01: "Master Browser",
    DOMAIN_CONTROLLERS: "Domain Controllers",
    BROWSER_ELECTIONS: "Browser Service Elections",
    0x2F: "Lotus Notes",
    0x33: "Lotus Notes",
}
"""What a group name with this suffix stands for."""


def service_name(suffix: int, *, is_group: bool = False) -> str:
    """Return the service a name with *suffix* stands for; unknown ones as ``<xx>``."""
    services = GROUP_SERVICES if is_group else UNIQUE_SERVICES
    return services.get(suffix, f"<{suffix:02x}>")
