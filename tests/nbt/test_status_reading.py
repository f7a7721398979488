"""What a name table is read as; more of it in tests/exposure/probes/test_netbios.py."""

from __future__ import annotations

import pytest

from nethood.nbt.node_status import NAME_FLAGS_ACT, NAME_FLAGS_G, NodeStatus, StatusName
from nethood.nbt.status_reading import computer_name, workgroup_name

GROUP = NAME_FLAGS_G | NAME_FLAGS_ACT


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ("", "")),
        ((StatusName("A", 0x00), StatusName("W", 0x00, GROUP)), ("A", "W")),
        ((StatusName("A", 0x00), StatusName("B", 0x20)), ("B", "")),
        ((StatusName("IS~A", 0x00), StatusName("A", 0x00)), ("A", "")),
        ((StatusName("INet~Services", 0x1C, GROUP), StatusName("D", 0x1C, GROUP)), ("", "D")),
    ],
)
def test_the_names_of_a_host(names: tuple[StatusName, ...], expected: tuple[str, str]) -> None:
    status = NodeStatus(names)
    assert (computer_name(status), workgroup_name(status)) == expected
