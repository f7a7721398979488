"""Windows builds and the day Microsoft's support ended for the last edition of each.

A build belongs to a client and a server release at once; the later of the two ends counts, long
term servicing and paid extensions excepted. A build that later releases are based on may be any of
them, and has the last one's day. A build that a service pack replaced has the day its own support
ended. Source: Microsoft's lifecycle pages, as altrhombus/DataForGeeks (content/ms/mswin) and
endoflife-date/endoflife.date copy them; for 1511 the extension of 2017 for Enterprise, for Vista
and 7 without the last service pack Microsoft's lifecycle fact sheet of 2016.
"""

from __future__ import annotations

from datetime import date

WINDOWS_BUILDS: dict[int, tuple[str, date]] = {
    1381: ("Windows NT 4.0", date(2004, 12, 31)),
    2195: ("Windows 2000", date(2010, 7, 13)),
    2600: ("Windows XP", date(2014, 4, 8)),
    3790: ("Windows Server 2003 or XP x64", date(2015, 7, 14)),
    6000: ("Windows Vista", date(2010, 4, 13)),
    6001: ("Windows Vista SP1 or Server 2008", date(2011, 7, 12)),
    6002: ("Windows Vista SP2 or Server 2008 SP2", date(2020, 1, 14)),
    6003: ("Windows Server 2008 SP2", date(2020, 1, 14)),
    7600: ("Windows 7 or Server 2008 R2", date(2013, 4, 9)),
    7601: ("Windows 7 SP1 or Server 2008 R2 SP1", date(2020, 1, 14)),
    9200: ("Windows 8 or Server 2012", date(2023, 10, 10)),
    9600: ("Windows 8.1 or Server 2012 R2", date(2023, 10, 10)),
    10240: ("Windows 10 1507", date(2017, 5, 9)),
    10586: ("Windows 10 1511", date(2018, 4, 10)),
    14393: ("Windows 10 1607 or Server 2016", date(2027, 1, 12)),
    15063: ("Windows 10 1703", date(2019, 10, 8)),
    16299: ("Windows 10 1709 or Server 1709", date(2020, 10, 13)),
    17134: ("Windows 10 1803 or Server 1803", date(2021, 5, 11)),
    17763: ("Windows 10 1809 or Server 2019", date(2029, 1, 9)),
    18362: ("Windows 10 1903 or 1909, or Server 1903 or 1909", date(2022, 5, 10)),
    18363: ("Windows 10 1909 or Server 1909", date(2022, 5, 10)),
    19041: ("Windows 10 2004 to 22H2, or Server 2004 or 20H2", date(2025, 10, 14)),
    19042: ("Windows 10 20H2 or Server 20H2", date(2023, 5, 9)),
    19043: ("Windows 10 21H1", date(2022, 12, 13)),
    19044: ("Windows 10 21H2", date(2024, 6, 11)),
    19045: ("Windows 10 22H2", date(2025, 10, 14)),
    20348: ("Windows Server 2022", date(2031, 10, 14)),
    22000: ("Windows 11 21H2", date(2024, 10, 8)),
    22621: ("Windows 11 22H2 or 23H2", date(2026, 11, 10)),
    22631: ("Windows 11 23H2", date(2026, 11, 10)),
    25398: ("Windows Server 23H2", date(2025, 10, 24)),
    26100: ("Windows 11 24H2 or Server 2025", date(2034, 11, 14)),
    26200: ("Windows 11 25H2", date(2028, 10, 10)),
    28000: ("Windows 11 26H1", date(2029, 3, 13)),
}
"""Build -> the releases that have it, the last day of support."""
SAMBA_3_ENDED = date(2015, 3, 4)
