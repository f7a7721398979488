from __future__ import annotations

from collections.abc import Callable
from typing import Any

from impacket.dcerpc.v5 import mgmt, srvs
from impacket.uuid import bin_to_string


def test_an_endpoint_names_its_interfaces(connect: Callable[..., Any]) -> None:
    client = connect("srvsvc", mgmt.MSRPC_UUID_MGMT)
    vector = mgmt.hinq_if_ids(client)["if_id_vector"]
    assert vector["count"] == 2
    uuids = [entry["Data"]["Uuid"] for entry in vector["if_id"]]
    assert uuids == [srvs.MSRPC_UUID_SRVS[:16], mgmt.MSRPC_UUID_MGMT[:16]]
    assert bin_to_string(uuids[0]).startswith("4B324FC8")


def test_it_listens_counts_nothing_and_does_not_stop(connect: Callable[..., Any]) -> None:
    client = connect("wkssvc", mgmt.MSRPC_UUID_MGMT)
    client.call(2, b"")
    assert client.recv() == b"\0\0\0\0\1\0\0\0"
    client.call(1, (4).to_bytes(4, "little"))
    assert client.recv() == b"\4\0\0\0" * 2 + bytes(20)
    client.call(3, b"")
    assert client.recv() == b"\5\0\0\0"
    client.call(4, bytes(4) + (8).to_bytes(4, "little"))
    assert client.recv() == b"\x08\0\0\0" + bytes(4) + b"\1\0\0\0" + bytes(4) + b"\5\0\0\0"
