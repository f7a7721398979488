"""Targets: what a person may write, what is refused, and an order that leaves nobody out."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError
from nethood.exposure.model import Target
from nethood.exposure.targets import Permutation, TargetSet, parse_targets

NAMES = {"attic.example": ["10.1.2.3", "fd00::5"], "link": ["fe80::1%eth0"]}


def resolve(names: Sequence[str], timeout_s: float) -> dict[str, list[str]]:
    """Be a resolver that knows NAMES."""
    assert 0 < timeout_s <= 5
    return {name: NAMES.get(name, []) for name in names}


def texts(*specs: str, exclude: Sequence[str] = (), public: bool = False) -> list[str]:
    found = parse_targets(specs, exclude, public=public, resolve=resolve)
    return [str(found[index]) for index in range(len(found))]


def refusal(*specs: str, exclude: Sequence[str] = ()) -> str:
    with pytest.raises(LocalError) as caught:
        parse_targets(specs, exclude, resolve=resolve)
    return str(caught.value)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("10.0.0.7", ["10.0.0.7"]),
        ("10.0.0.7:4450", ["10.0.0.7:4450"]),
        ("10.0.0.0/30", ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.1/30", ["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.0/31", ["10.0.0.0", "10.0.0.1"]),
        ("10.0.0.9/32", ["10.0.0.9"]),
        ("10.0.0.0/30:139", ["10.0.0.1:139", "10.0.0.2:139"]),
        ("10.0.0.254-10.0.1.1", ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]),
        ("10.0.0.1-3", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        ("10.0.0.1-2:80", ["10.0.0.1:80", "10.0.0.2:80"]),
        ("fd00::1", ["[fd00::1]"]),
        ("[fd00::1]:4450", ["[fd00::1]:4450"]),
        ("[fd00::1]", ["[fd00::1]"]),
        ("fd00::/127", ["[fd00::]", "[fd00::1]"]),
        ("fd00::1-fd00::2", ["[fd00::1]", "[fd00::2]"]),
        ("fe80::1%eth0", ["[fe80::1%eth0]"]),
        ("attic.example", ["10.1.2.3", "[fd00::5]"]),
        ("attic.example:4450", ["10.1.2.3:4450", "[fd00::5]:4450"]),
        ("link", ["[fe80::1%eth0]"]),
    ],
)
def test_what_may_be_written(spec: str, expected: list[str]) -> None:
    assert texts(spec) == expected


def test_a_name_stays_with_its_addresses() -> None:
    found = parse_targets(["attic.example"], resolve=resolve)
    assert found[0] == Target("10.1.2.3", 445, "attic.example")


def test_each_comes_once_and_ports_are_apart() -> None:
    assert texts("10.0.0.0/29", "10.0.0.3-9", "10.0.0.4", "10.0.0.4:445", "10.0.0.4:80") == [
        *(f"10.0.0.{n}" for n in range(1, 10)),
        "10.0.0.4:80",
    ]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (["10.0.0.1"], [2, 3, 4, 5, 6]),
        (["10.0.0.6", "10.0.0.3-4"], [1, 2, 5]),
        (["10.0.0.3:445"], [1, 2, 4, 5, 6]),
        (["10.0.0.3:80"], [1, 2, 3, 4, 5, 6]),
        (["10.0.0.2-4", "10.0.0.3-5", "10.9.0.0/16"], [1, 6]),
        (["192.168.0.0/16", "8.8.8.8"], [1, 2, 3, 4, 5, 6]),
    ],
)
def test_exclusions(exclude: list[str], left: list[int]) -> None:
    assert texts("10.0.0.0/29", exclude=exclude) == [f"10.0.0.{n}" for n in left]


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])), max_size=6
)


@given(wanted=spans.filter(bool), unwanted=spans)
def test_ranges_are_what_sets_say(
    wanted: list[tuple[int, int]], unwanted: list[tuple[int, int]]
) -> None:
    def members(parts: list[tuple[int, int]]) -> set[int]:
        return {number for first, last in parts for number in range(first, last + 1)}

    def write(parts: list[tuple[int, int]]) -> list[str]:
        return [f"10.0.0.{first}-{last}" for first, last in parts]

    expected = sorted(members(wanted) - members(unwanted))
    if not expected:
        assert "no target is left" in refusal(*write(wanted), exclude=write(unwanted))
    else:
        assert texts(*write(wanted), exclude=write(unwanted)) == [f"10.0.0.{n}" for n in expected]


def test_a_file_of_targets(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# the house\n10.0.0.1\n\n  10.0.0.4-5  # two\nattic.example:4450\n")
    assert texts(f"@{path}", "10.0.0.9") == [
        "10.0.0.1",
        "10.0.0.4",
        "10.0.0.5",
        "10.0.0.9",
        "10.1.2.3:4450",
        "[fd00::5]:4450",
    ]
    assert texts("10.0.0.0/29", exclude=[f"@{path}"]) == ["10.0.0.2", "10.0.0.3", "10.0.0.6"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("10.0.0.300", "'10.0.0.300' is no target; write it like"),
        ("10.0.0.0/33", "is no target"),
        ("10.0.0.0/x", "is no target"),
        ("10.0.0.9-3", "ends before it begins"),
        ("10.0.0.9-256", "ends at 255"),
        ("10.0.0.9-fd00::1", "no target"),
        ("10.0.0.1:0", "no port from 1 to 65535"),
        ("10.0.0.1:99999", "no port from 1 to 65535"),
        ("attic.example:x", "no port from 1 to 65535"),
        ("[fd00::1", "write an IPv6 address with a port"),
        ("[fd00::1]445", "write an IPv6 address with a port"),
        ("", "is no target"),
        ("cellar.example", "no address is known for 'cellar.example'"),
        ("a name", "is no target"),
        ("@/no/such/file", "can't read /no/such/file: No such file or directory"),
        ("8.8.8.8", "8.8.8.8 is public"),
        ("192.168.0.0/15", "public"),
        ("172.31.0.0-172.32.0.1", "public"),
        ("9.255.255.255-11.0.0.0", "public"),
        ("10.0.0.0-11.0.0.0", "public"),
        ("2001:db8::1", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("224.0.0.1", "public"),
        ("fd00::/64", "18,446,744,073,709,551,616 targets; at most"),
    ],
)
def test_what_is_refused_in_one_sentence(spec: str, words: str) -> None:
    sentence = refusal(spec)
    assert words in sentence
    assert "\n" not in sentence


def test_a_file_that_is_no_text_and_one_that_names_another(tmp_path: Path) -> None:
    binary, nested = tmp_path / "binary", tmp_path / "nested"
    binary.write_bytes(b"\xff\xfe\x00\xd8")
    nested.write_text("@other\n")
    assert "no text in UTF-8" in refusal(f"@{binary}")
    assert "names another file" in refusal(f"@{nested}")
    assert "can't read" in refusal(f"@{tmp_path}")


def test_a_name_that_is_public_is_refused_by_its_address() -> None:
    with pytest.raises(LocalError, match="public"):
        parse_targets(["www.example"], resolve=lambda names, _: {"www.example": ["8.8.8.8"]})


def test_public_ones_where_they_are_wanted() -> None:
    assert texts("8.8.8.8", "::ffff:10.0.0.1", public=True) == ["8.8.8.8", "[::ffff:a00:1]"]


@given(size=st.integers(1, 3000), seed=st.integers(0, 2**62 - 1))
def test_the_order_is_a_permutation(size: int, seed: int) -> None:
    order = Permutation(size, seed)
    assert sorted(order[index] for index in range(size)) == list(range(size))


def test_the_order_comes_from_the_seed_and_looks_random() -> None:
    one, same, other = (Permutation(4096, seed) for seed in (7, 7, 8))
    numbers = [one[index] for index in range(4096)]
    assert numbers == [same[index] for index in range(4096)]
    assert sum(number == other[index] for index, number in enumerate(numbers)) < 16
    neighbours = sum(abs(a - b) == 1 for a, b in itertools.pairwise(numbers))
    assert neighbours < 16  # two are expected
    # Every stretch of the order meets every part of the network.
    assert all(len({number // 256 for number in numbers[at : at + 256]}) > 12 for at in (0, 2048))


def test_indexes_out_of_range() -> None:
    found = parse_targets(["10.0.0.1-2"])
    for index in (-1, 2):
        with pytest.raises(IndexError):
            found[index]
        with pytest.raises(IndexError):
            Permutation(2, 1)[index]


def test_memory_follows_the_specifications() -> None:
    tracemalloc.start()
    try:
        found = parse_targets(["10.0.0.0/8"], ["10.77.0.0/16"])
        order = Permutation(len(found), 1)
        seen = {found[order[index]].address for index in range(0, len(found), 1_000_000)}
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 2**24 - 2 - 2**16 + 2
    assert len(seen) == 17
    assert most < 200_000


def test_a_set_by_itself() -> None:
    assert len(TargetSet([])) == 0
    found = parse_targets(["10.0.0.0/16"])
    assert found[65533].address == str(IPv4Address("10.0.255.254"))


def test_a_wrong_line_of_a_file_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("10.0.0.1\n# a comment\n10.0.0.300\n")
    assert refusal(f"@{path}").startswith(f"{path}, line 3: '10.0.0.300' is no target")


def test_a_link_local_address_needs_its_interface() -> None:
    assert "name the interface too: fe80::1%eth0" in refusal("fe80::1")
    assert len(texts("fe80::1%eth0")) == 1
