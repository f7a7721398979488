"""Shares: who may connect, what may be done there, what is listed; IPC$ and its pipes."""

from __future__ import annotations

import pytest
from impacket.dcerpc.v5 import srvs

from nethood import erref
from nethood.dtyp.access_mask import FILE_READ_DATA, MAXIMUM_ALLOWED
from nethood.server.options import Share
from nethood.smb2 import constants as c
from nethood.smb2.close import CloseRequest
from nethood.smb2.simple import TreeDisconnectRequest
from nethood.store import MemoryStore
from tests.server.client import Element
from tests.server.files import (
    RELATED,
    Client,
    Handle,
    create_request,
    handle_of,
    ioctl_request,
    read_request,
    related,
    write_request,
)
from tests.server.harness import Harness

DENIED = erref.STATUS_ACCESS_DENIED
GONE = erref.STATUS_NETWORK_NAME_DELETED
READ_ONLY_MASK = 0x001200A9


@pytest.fixture
def harness() -> Harness:
    """A server with shares of every kind."""
    return Harness(
        {
            "public": MemoryStore(),
            "Fixed": Share("Fixed", _with_a_file(), comment="for reading", read_only=True),
            "private": Share("private", MemoryStore(), users=frozenset({"BOB"})),
            "attic": Share("attic", _with_a_file(), hidden=True),
            "both": Share("both", MemoryStore(), users=frozenset({"alice", "bob"})),
        }
    )


def _with_a_file() -> MemoryStore:
    store = MemoryStore()
    node = store.create("file", directory=False)
    node.write(b"content", 0)
    node.close()
    return store


# Connecting


@pytest.mark.parametrize("name", ["public", "PUBLIC", "fixed", "attic", "IPC$", "ipc$"])
def test_names_ignore_case(harness: Harness, name: str) -> None:
    harness.login(share=name)


@pytest.mark.parametrize("name", ["nothing", "", "pub", "public ", "public\\d"])
def test_shares_that_are_not_there(harness: Harness, name: str) -> None:
    harness.login(share="").tree_connect(name, status=erref.STATUS_BAD_NETWORK_NAME)


def test_a_share_of_one_user(harness: Harness) -> None:
    harness.login(user="bob", share="private")
    alice = harness.login(share="")
    alice.tree_connect("private", status=DENIED)
    (sentence,) = harness.sentences("tree_refused")
    assert "alice" in sentence
    assert "private" in sentence
    alice.tree_connect("both")


def test_a_tree_disconnected_is_gone_with_its_files(harness: Harness) -> None:
    client = harness.login()
    handle = client.create("a", share=0)
    client.call(c.SMB2_TREE_DISCONNECT, TreeDisconnectRequest())
    client.create("b", status=GONE)
    client.read(handle, status=GONE)
    client.call(c.SMB2_TREE_DISCONNECT, TreeDisconnectRequest(), status=GONE)
    client.tree_connect()
    client.read(handle, status=erref.STATUS_FILE_CLOSED)
    client.open("a", share=0)


def test_a_file_belongs_to_its_tree(harness: Harness) -> None:
    client = harness.login()
    handle = client.create("a")
    first = client.session.tree_id if client.session else 0
    client.tree_connect("both")
    client.read(handle, status=erref.STATUS_FILE_CLOSED)
    client.call(
        c.SMB2_CLOSE,
        CloseRequest(**handle.ids),
        tree_id=first,
    )


def test_a_file_belongs_to_its_session(harness: Harness) -> None:
    client = harness.login()
    handle = client.create("a")
    client.login("bob", "hunter2")
    client.tree_connect()
    client.read(handle, status=erref.STATUS_FILE_CLOSED)
    client.close(handle, status=erref.STATUS_FILE_CLOSED)


def test_half_of_a_file_id_is_not_enough(client: Client) -> None:
    handle = client.create("a")
    client.read(Handle(0, handle.volatile), status=erref.STATUS_FILE_CLOSED)
    client.read(Handle(handle.persistent, 0), status=erref.STATUS_FILE_CLOSED)


# Read-only


def test_a_read_only_share_is_read(harness: Harness) -> None:
    client = harness.login(share="fixed")
    handle = client.open("file", access=FILE_READ_DATA)
    assert client.read(handle) == b"content"
    most = client.open("file", access=MAXIMUM_ALLOWED)
    client.write(most, b"x", status=DENIED)


def test_a_read_only_share_says_so(harness: Harness) -> None:
    client = harness.login(share="")
    assert client.tree_connect("fixed").body.maximal_access == READ_ONLY_MASK


def test_a_read_only_share_is_not_written(harness: Harness) -> None:
    client = harness.login(share="fixed")
    read = {"access": FILE_READ_DATA}
    for disposition in (c.FILE_CREATE, c.FILE_OPEN_IF):
        client.create("new", status=DENIED, disposition=disposition, **read)
    for disposition in (c.FILE_SUPERSEDE, c.FILE_OVERWRITE, c.FILE_OVERWRITE_IF):
        client.create("file", status=DENIED, disposition=disposition, **read)
    client.open("file", status=DENIED)
    client.create("file", status=DENIED, options=c.FILE_DELETE_ON_CLOSE)
    client.create("d", status=DENIED, options=c.FILE_DIRECTORY_FILE, **read)
    handle = client.open("file", **read)
    client.write(handle, b"x", status=DENIED)
    client.delete(handle, status=DENIED)
    client.rename(handle, "other", status=DENIED)
    client.flush(handle, status=DENIED)
    assert client.read(handle) == b"content"


# Pipes


BIND = bytes.fromhex(
    "05000b0310000000480000000100000010b810b80000000001000000000001"
    "00c84f324b7016d30112785a47bf6ee18803000000045d888aeb1cc9119fe808002b10486002000000"
)
SHARE_ENUM = 15


def enumerate_request() -> bytes:
    """Return a NetrShareEnum request of level 1, made by impacket."""
    request = srvs.NetrShareEnum()
    request["ServerName"] = "\\\\SRV\0"
    request["PreferedMaximumLength"] = 0xFFFFFFFF
    request["InfoStruct"]["ShareInfo"]["tag"] = 1
    request["InfoStruct"]["Level"] = 1
    stub = bytes(request.getData())
    head = bytes.fromhex("0500000310000000") + (24 + len(stub)).to_bytes(2, "little")
    head += bytes(2) + (2).to_bytes(4, "little")
    return head + len(stub).to_bytes(4, "little") + bytes(2) + bytes([SHARE_ENUM, 0]) + stub


def shares_in(answer: bytes) -> list[str]:
    """Return the names in the answer."""
    found = srvs.NetrShareEnumResponse(answer[24:])
    assert found["ErrorCode"] == 0
    listed = found["InfoStruct"]["ShareInfo"]["Level1"]["Buffer"]
    return [entry["shi1_netname"].rstrip("\0") for entry in listed]


VISIBLE = {
    "alice": ["both", "Fixed", "public", "IPC$"],
    "bob": ["both", "Fixed", "private", "public", "IPC$"],
}


@pytest.mark.parametrize("user", VISIBLE)
def test_enumerate_by_write_and_read(harness: Harness, user: str) -> None:
    client = harness.login(user=user, share="IPC$")
    pipe = client.open("srvsvc")
    client.write(pipe, BIND)
    assert client.read(pipe, 4096)[2] == 12
    client.write(pipe, enumerate_request())
    assert shares_in(client.read(pipe, 8192)) == VISIBLE[user]
    client.close(pipe)


def test_enumerate_by_transceive(harness: Harness) -> None:
    client = harness.login(share="IPC$")
    pipe = client.open("srvsvc")
    assert client.ioctl(c.FSCTL_PIPE_TRANSCEIVE, BIND, pipe)[2] == 12
    answer = client.ioctl(c.FSCTL_PIPE_TRANSCEIVE, enumerate_request(), pipe)
    assert shares_in(answer) == VISIBLE["alice"]


def test_enumerate_in_compounds(harness: Harness) -> None:
    client = harness.login(share="IPC$")
    replies = client.chain(
        Element(c.SMB2_CREATE, create_request("srvsvc", disposition=c.FILE_OPEN)),
        related(c.SMB2_WRITE, write_request(RELATED, BIND)),
        related(c.SMB2_READ, read_request(RELATED, 1024)),
    )
    assert [reply.status for reply in replies] == [0, 0, 0]
    pipe = handle_of(replies[0])
    request = ioctl_request(c.FSCTL_PIPE_TRANSCEIVE, enumerate_request(), pipe)
    replies = client.chain(
        Element(c.SMB2_IOCTL, request), related(c.SMB2_CLOSE, CloseRequest(**RELATED.ids))
    )
    assert shares_in(bytes(replies[0].body.output)) == VISIBLE["alice"]
    assert replies[1].status == 0


def test_an_answer_larger_than_the_room_for_it(harness: Harness) -> None:
    client = harness.login(share="IPC$")
    pipe = client.open("srvsvc")
    client.ioctl(c.FSCTL_PIPE_TRANSCEIVE, BIND, pipe)
    overflow = erref.STATUS_BUFFER_OVERFLOW
    request = ioctl_request(c.FSCTL_PIPE_TRANSCEIVE, enumerate_request(), pipe, 40)
    first = client.call(c.SMB2_IOCTL, request, status=overflow)
    parts = [bytes(first.body.output)]
    assert len(parts[0]) == 40
    while True:
        reply = client.call(c.SMB2_READ, read_request(pipe, 50), status=None)
        parts.append(bytes(reply.body.data))
        if reply.status != overflow:
            break
    assert shares_in(b"".join(parts)) == VISIBLE["alice"]


@pytest.mark.parametrize("name", ["nothing", "", "srvsvc2", "..\\srvsvc", "winreg"])
def test_pipes_that_are_not_there(harness: Harness, name: str) -> None:
    client = harness.login(share="IPC$")
    reply = client.call(c.SMB2_CREATE, create_request(name), status=None)
    assert reply.status in (
        erref.STATUS_OBJECT_NAME_NOT_FOUND,
        erref.STATUS_OBJECT_NAME_INVALID,
        DENIED,
    )


@pytest.mark.parametrize("name", ["srvsvc", "\\srvsvc", "SRVSVC", "wkssvc", "lsarpc"])
def test_pipes_that_are(harness: Harness, name: str) -> None:
    client = harness.login(share="IPC$")
    client.close(client.open(name))
