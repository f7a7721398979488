"""The package itself: cheap to import, and its names are where they should be."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nethood


def test_importing_it_loads_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import nethood;"
        "print([m for m in set(sys.modules) - before if m.startswith('nethood.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", nethood.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(nethood, name) is getattr(nethood, name)
    assert name in dir(nethood)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Sever'"):
        _ = nethood.Sever
