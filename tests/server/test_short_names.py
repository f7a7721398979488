"""8.3 names: told, opened by, and given back ([MS-FSA] 2.1.1.1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from nethood import erref
from nethood.fscc.name_info import FileNameInformation
from nethood.fscc.short_name import is_short_name
from nethood.store import LocalStore
from tests.server.files import Client
from tests.server.harness import Harness

ALTERNATE_NAME = 21
LONG = "a long file name.text"
NOT_FOUND = erref.STATUS_OBJECT_NAME_NOT_FOUND


def short_name_of(client: Client, path: str) -> str:
    """Return FileAlternateNameInformation."""
    handle = client.open(path)
    name = FileNameInformation.decode(client.query(handle, ALTERNATE_NAME)).file_name
    client.close(handle)
    return name


def test_a_long_name_has_a_short_one_that_opens_the_file(client: Client) -> None:
    client.put(LONG, b"data")
    client.put("another long file name.text", b"other")
    short = short_name_of(client, LONG)
    assert is_short_name(short)
    assert short != short_name_of(client, "another long file name.text")
    assert client.get(short) == client.get(short.lower()) == b"data"


def test_a_short_name_is_its_own(client: Client) -> None:
    client.put("Readme.txt", b"")
    assert short_name_of(client, "Readme.txt") == "README.TXT"


def test_folders_on_the_way_have_short_names_too(client: Client) -> None:
    client.close(client.mkdir("a long folder"))
    client.put(rf"a long folder\{LONG}", b"data")
    folder = short_name_of(client, "a long folder")
    short = short_name_of(client, rf"a long folder\{LONG}")
    assert client.get(rf"{folder}\{short}") == b"data"
    client.put(rf"{folder}\new file name", b"")
    assert client.names("a long folder") == [LONG, "new file name"]


def test_what_is_there_comes_before_what_is_made_up(client: Client) -> None:
    client.put(LONG, b"long")
    short = short_name_of(client, LONG)
    client.put("x", b"short")
    handle = client.open("x")
    client.rename(handle, short)
    client.close(handle)
    assert client.get(short) == b"short"
    assert client.get(LONG) == b"long"


@pytest.mark.parametrize(("seconds", "kept"), [(14.0, True), (16.0, False)])
def test_a_file_made_anew_by_its_short_name_gets_the_long_one_back(
    harness: Harness, client: Client, seconds: float, kept: bool
) -> None:
    client.put(LONG, b"old")
    short = short_name_of(client, LONG)
    handle = client.open(short)
    client.delete(handle)
    client.close(handle)
    client.open(short, status=NOT_FOUND)
    harness.clock.advance(seconds)
    client.put(short, b"new")
    assert client.names() == [LONG if kept else short]


def test_a_dot_at_the_end(tmp_path: Path) -> None:
    client = Harness({"public": LocalStore(tmp_path)}).login()
    client.put("Name.", b"data")
    short = short_name_of(client, "Name.")
    handle = client.open(short)
    client.delete(handle)
    client.close(handle)
    client.put(short, b"anew")
    assert client.get("Name.") == b"anew"


def test_a_tilde_is_nothing_special_otherwise(client: Client) -> None:
    for name in ("~lock", "a~1", "AB12CD~1.x", "~$letter.docx"):
        client.put(name, b"data")
        assert client.get(name) == b"data"
    client.open("XY12AB~1", status=NOT_FOUND)
    client.open(r"nowhere\XY12AB~1", status=erref.STATUS_OBJECT_PATH_NOT_FOUND)
    client.open(r"a~1\XY12AB~1", status=erref.STATUS_OBJECT_PATH_NOT_FOUND)
