"""Services by suffix: every row of the convention, and what is in none."""

from __future__ import annotations

import pytest

from nethood.nbt import suffix
from nethood.nbt.suffix import SERVICES, Service, describe


def test_all_rows_are_there() -> None:
    assert len(SERVICES) == 36
    assert len({(row.name, row.suffix) for row in SERVICES}) == 36


@pytest.mark.parametrize("row", SERVICES, ids=lambda row: f"{row.name!a}-{row.suffix:02X}")
def test_every_row_is_found_by_a_name_of_its_shape(row: Service) -> None:
    name = row.name.replace("<computername>", "HOST").replace("<domain>", "GROUP")
    assert describe(row.suffix, row.is_group, name) == row.service
    assert describe(row.suffix, row.is_group, name.lower()) == row.service


@pytest.mark.parametrize(
    ("number", "is_group", "service"),
    [
        (suffix.WORKSTATION, False, "Workstation Service"),
        (suffix.WORKSTATION, True, "Domain Name"),
        (suffix.FILE_SERVER, False, "File Server Service"),
        (suffix.DOMAIN_CONTROLLERS, True, "Domain Controllers"),
        (suffix.MASTER_BROWSER, False, "Master Browser"),
        (0x01, True, "Master Browser"),
        (0x01, False, "Messenger Service"),
        (0x2F, True, "Lotus Notes"),
        (0x2F, False, "<2F>"),
        (0x99, False, "<99>"),
        (0x0A, True, "<0A>"),
    ],
)
def test_services_without_a_name(number: int, is_group: bool, service: str) -> None:
    assert describe(number, is_group) == service


def test_shapes_match_as_far_as_they_are_fixed() -> None:
    assert describe(0x1C, True, "INet~Services") == "IIS"
    assert describe(0x1C, True, "INet~Services2") == "Domain Controllers"
    assert describe(0x00, False, "IS~WEB") == "IIS"
    assert describe(0x00, False, "ISWEB") == "Workstation Service"
