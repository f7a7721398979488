"""What the codec costs: microseconds to decode and encode the messages of the hot path.

Run as ``python -m benchmarks.codec``: one line a figure. The first is the one with an aim.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable

from nethood.smb2.close import CloseResponse
from nethood.smb2.create import CreateRequest, CreateResponse
from nethood.smb2.create_contexts import decode_contexts, encode_contexts
from nethood.smb2.header import Header
from nethood.smb2.query_directory import QueryDirectoryRequest
from nethood.smb2.query_info import QueryInfoRequest
from nethood.smb2.read import ReadRequest, ReadResponse
from nethood.smb2.write import WriteRequest

ROUNDS = 200
CALLS = 2_000

HEADER = Header(credit_charge=1, command=8, credits=1, message_id=1234, session_id=1 << 44)
CONTEXTS = [(b"MxAc", b""), (b"QFid", b""), (b"RqLs", bytes(52))]


def microseconds(call: Callable[[], object]) -> float:
    """Return what one *call* costs: the best of many short rounds, in processor time.

    Less the cost of calling nothing. Rounds are short so that some are undisturbed.
    """
    best = min(timeit.repeat(call, number=CALLS, repeat=ROUNDS, timer=time.process_time))
    nothing = min(timeit.repeat(lambda: None, number=CALLS, repeat=ROUNDS, timer=time.process_time))
    return (best - nothing) / CALLS * 1e6


def main() -> None:
    """Measure and print."""
    head = HEADER.encode()
    read = memoryview(head + ReadRequest(length=65536, persistent=3, volatile=1 << 50).encode())
    name = "folder\\file.txt".encode("utf-16-le")
    chain = encode_contexts(CONTEXTS)
    create = memoryview(head + CreateRequest(name=name, create_contexts=chain).encode())
    write = memoryview(head + WriteRequest(data=bytes(4096)).encode())
    query_info = memoryview(head + QueryInfoRequest(info_type=1, file_info_class=18).encode())
    query_directory = memoryview(head + QueryDirectoryRequest(file_name=b"*\0").encode())
    created, closed = CreateResponse(volatile=1 << 50), CloseResponse(flags=1)
    data = ReadResponse(data=bytes(100))

    def header_and_read() -> None:
        Header.decode(read)
        ReadRequest.decode(read, 64)

    rows: list[tuple[str, Callable[[], object]]] = [
        ("header + READ decoded (aim: 0.6)", header_and_read),
        ("header decoded", lambda: Header.decode(read)),
        ("READ decoded", lambda: ReadRequest.decode(read, 64)),
        ("WRITE decoded", lambda: WriteRequest.decode(write, 64)),
        ("CREATE decoded", lambda: CreateRequest.decode(create, 64)),
        ("create contexts decoded", lambda: decode_contexts(chain)),
        ("QUERY_INFO decoded", lambda: QueryInfoRequest.decode(query_info, 64)),
        ("QUERY_DIRECTORY decoded", lambda: QueryDirectoryRequest.decode(query_directory, 64)),
        ("header encoded", HEADER.encode),
        ("CREATE response encoded", created.encode),
        ("CLOSE response encoded", closed.encode),
        ("READ response of 100 bytes encoded", data.encode),
    ]
    for label, call in rows:
        call()  # compiled at first use
        print(f"{label}: {microseconds(call):.2f} us")


if __name__ == "__main__":
    main()
