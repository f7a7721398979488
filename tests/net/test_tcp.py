"""Framed TCP over a real pair of sockets: frames arrive whole, answers leave in order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood.net.buffers import BufferPool
from nethood.net.tcp import FramedTcp

PATIENCE_S = 20.0


class Receiver:
    """Notes what arrives; *on_frame* may do something about a frame."""

    def __init__(self) -> None:
        self.frame_limit = 1 << 24
        self.frames: list[bytes] = []
        self.packets: list[tuple[int, bytes]] = []
        self.reasons: list[str] = []
        self.on_frame: Callable[[bytes], None] = lambda frame: None
        self.changed = asyncio.Event()

    def frame_received(self, frame: memoryview) -> None:
        assert not self.reasons, "a frame after the end"
        self.frames.append(bytes(frame))
        self.changed.set()
        self.on_frame(self.frames[-1])

    def packet_received(self, kind: int, payload: bytes) -> None:
        self.packets.append((kind, payload))
        self.changed.set()

    def connection_lost(self, reason: str) -> None:
        self.reasons.append(reason)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds; it is asked whenever something arrives."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets connected by TCP, whose waking rules a pair of Unix ones does not have.

    With tiny buffers TCP waits for its timers, so tests of those use Unix sockets.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, peer


class Pair:
    """A FramedTcp, its receiver, and the peer's socket."""

    def __init__(self, *, netbios: bool = False, small: bool = False, **how: int) -> None:
        self.loop = asyncio.get_running_loop()
        ours, self.peer = socket.socketpair() if small else tcp_pair()
        if small:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ours.setblocking(False)
        self.peer.setblocking(False)
        self.receiver = Receiver()
        self.pool = BufferPool()
        self.tcp = FramedTcp(
            self.loop,
            ours,
            self.receiver,
            self.pool,
            peer=("127.0.0.1", 1),
            netbios=netbios,
            **how,
        )
        self.tcp.start()

    async def send(self, data: bytes, *, step: int = 1 << 30) -> None:
        """Send from the peer, in pieces, with a turn of the loop after each."""
        for at in range(0, len(data), step):
            await self.loop.sock_sendall(self.peer, data[at : at + step])
            await asyncio.sleep(0)

    async def read(self, count: int) -> bytes:
        """Read that many bytes at the peer."""
        data = bytearray()
        async with asyncio.timeout(PATIENCE_S):
            while len(data) < count:
                piece = await self.loop.sock_recv(self.peer, min(65536, count - len(data)))
                assert piece, "the connection ended"
                data += piece
        return bytes(data)

    def close(self) -> None:
        self.tcp.abort("test over")
        self.peer.close()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    made.close()


def framed(payload: bytes, kind: int = 0) -> bytes:
    return bytes([kind]) + len(payload).to_bytes(3, "big") + payload


# Receiving


@pytest.mark.parametrize("step", [1, 3, 4, 5, 1000])
async def test_frames_in_pieces_of_any_size(pair: Pair, step: int) -> None:
    frames = [b"", b"a", b"bc" * 50, b"", b"d" * 300]
    await pair.send(b"".join(map(framed, frames)), step=step)
    await pair.receiver.until(lambda: len(pair.receiver.frames) == len(frames))
    assert pair.receiver.frames == frames


async def test_many_frames_in_one_segment(pair: Pair) -> None:
    frames = [bytes([n % 256]) * (n % 97) for n in range(500)]
    await pair.send(b"".join(map(framed, frames)))
    await pair.receiver.until(lambda: len(pair.receiver.frames) == len(frames))
    assert pair.receiver.frames == frames


async def test_frames_larger_than_a_buffer_between_small_ones(pair: Pair) -> None:
    sizes = [10, 3_000_000, 20, 70_000, 65_536, 0, 1 << 20, 1, 5_000_000, 3]
    frames = [bytes([n]) * size for n, size in enumerate(sizes)]
    await pair.send(b"".join(map(framed, frames)))
    await pair.receiver.until(lambda: len(pair.receiver.frames) == len(frames))
    assert pair.receiver.frames == frames


async def test_a_small_frame_right_after_a_large_one_that_came_in_parts(pair: Pair) -> None:
    frames = pair.receiver.frames
    for size in (600_000, 2_000_000, 8_000_000):
        await pair.send(framed(b"L" * size), step=333_333)
        await pair.receiver.until(lambda: len(frames) == 1)
        await pair.send(framed(b"small"))
        await pair.receiver.until(lambda: len(frames) == 2)
        assert frames.pop() == b"small"
        frames.clear()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 200_000), min_size=1, max_size=8),
    st.lists(st.integers(1, 150_000), min_size=1, max_size=6),
)
def test_any_frames_in_any_pieces(sizes: list[int], steps: list[int]) -> None:
    async def run() -> None:
        pair = Pair()
        frames = [bytes([n]) * size for n, size in enumerate(sizes)]
        stream = b"".join(map(framed, frames))
        at = turn = 0
        while at < len(stream):
            step = steps[turn % len(steps)]
            await pair.send(stream[at : at + step])
            at, turn = at + step, turn + 1
        await pair.receiver.until(lambda: len(pair.receiver.frames) == len(frames))
        pair.close()
        assert pair.receiver.frames == frames

    asyncio.run(run())


async def test_a_frame_over_the_limit_ends_the_connection(pair: Pair) -> None:
    pair.receiver.frame_limit = 1000
    await pair.send(framed(b"x" * 1000))
    await pair.receiver.until(lambda: bool(pair.receiver.frames))
    await pair.send(framed(b"x" * 1001)[:4])
    await pair.receiver.until(lambda: bool(pair.receiver.reasons))
    assert pair.receiver.reasons == ["frame of 1001 bytes is over the limit"]
    assert pair.receiver.frames == [b"x" * 1000]


async def test_the_limit_may_change_between_frames(pair: Pair) -> None:
    pair.receiver.frame_limit = 10

    def raise_it(frame: bytes) -> None:
        pair.receiver.frame_limit = 100

    pair.receiver.on_frame = raise_it
    await pair.send(framed(b"x" * 10) + framed(b"y" * 100))
    await pair.receiver.until(lambda: len(pair.receiver.frames) == 2)


async def test_lengths_have_17_bits_with_netbios_and_24_without() -> None:
    for netbios, seen in ((True, 0x1FFFF), (False, 0xFFFFFF)):
        pair = Pair(netbios=netbios)
        pair.receiver.frame_limit = 0
        await pair.send(b"\0\xff\xff\xff")
        await pair.receiver.until(lambda pair=pair: bool(pair.receiver.reasons))  # type: ignore[misc]
        assert str(seen) in pair.receiver.reasons[0]
        pair.close()


async def test_session_packets_are_told_apart(pair: Pair) -> None:
    stream = framed(b"ask", 0x81) + framed(b"", 0x85) + framed(b"msg") + framed(b"?", 0x42)
    await pair.send(stream)
    await pair.receiver.until(lambda: len(pair.receiver.packets) == 2)
    assert pair.receiver.packets == [(0x81, b"ask"), (0x42, b"?")]
    assert pair.receiver.frames == [b"msg"]


async def test_the_end_is_told_once(pair: Pair) -> None:
    pair.peer.close()
    await pair.receiver.until(lambda: bool(pair.receiver.reasons))
    pair.tcp.abort("again")
    pair.tcp.close("again")
    pair.tcp.write(b"nobody reads this")
    assert pair.receiver.reasons == ["closed by the peer"]
    assert pair.tcp.is_closed


async def test_the_end_in_the_middle_of_a_frame(pair: Pair) -> None:
    await pair.send(framed(b"x" * 1000)[:500])
    pair.peer.close()
    await pair.receiver.until(lambda: bool(pair.receiver.reasons))
    assert not pair.receiver.frames


async def test_the_end_in_the_middle_of_a_large_frame(pair: Pair) -> None:
    """The system waits for half a megabyte before it wakes us; the end has to wake us anyway."""
    await pair.send(framed(b"x" * 4_000_000)[:1_000_000])
    pair.peer.close()
    await pair.receiver.until(lambda: bool(pair.receiver.reasons))
    assert not pair.receiver.frames


async def test_half_a_frame_is_seen_as_pending(pair: Pair) -> None:
    await pair.send(framed(b"first") + framed(b"x" * 1000)[:100])
    await pair.receiver.until(lambda: bool(pair.receiver.frames))
    assert pair.tcp.pending_bytes == 100
    await pair.send(framed(b"x" * 1000)[100:])
    await pair.receiver.until(lambda: len(pair.receiver.frames) == 2)
    assert pair.tcp.pending_bytes == 0


# Ending inside a callback


@pytest.mark.parametrize("frames", [[b"one"], [b"one", b"two"]])
async def test_a_fault_in_a_callback_ends_the_connection(pair: Pair, frames: list[bytes]) -> None:
    """What follows can't be trusted any more; the loop's handler gets to know of the fault."""
    faults: list[object] = []
    pair.loop.set_exception_handler(lambda loop, context: faults.append(context["exception"]))

    def fail(frame: bytes) -> None:
        raise RuntimeError("a bug")

    pair.receiver.on_frame = fail
    await pair.send(b"".join(map(framed, frames)))
    await pair.receiver.until(lambda: bool(pair.receiver.reasons))
    assert pair.receiver.frames == [b"one"]
    assert pair.receiver.reasons == ["an error in this server"]
    await asyncio.sleep(0)
    assert [type(fault) for fault in faults] == [RuntimeError]


async def test_abort_inside_a_callback_stops_everything(pair: Pair) -> None:
    def abort(frame: bytes) -> None:
        pair.tcp.write(b"never sent, or sent before")
        pair.tcp.abort("enough")

    pair.receiver.on_frame = abort
    await pair.send(framed(b"one") + framed(b"two") + framed(b"three")[:5])
    await pair.receiver.until(lambda: bool(pair.receiver.reasons))
    assert pair.receiver.frames == [b"one"]
    assert pair.receiver.reasons == ["enough"]
    assert pair.tcp.pending_bytes == 0


async def test_close_inside_a_callback_sends_what_was_written(pair: Pair) -> None:
    def close(frame: bytes) -> None:
        pair.tcp.write(b"goodbye")
        pair.tcp.close("done")

    pair.receiver.on_frame = close
    await pair.send(framed(b"one") + framed(b"two"))
    assert await pair.read(7) == b"goodbye"
    assert pair.receiver.frames == [b"one"]
    assert pair.receiver.reasons == ["done"]


async def test_close_with_a_backlog_hands_on_no_more_frames() -> None:
    pair = Pair(small=True)
    answer = b"a" * 1_000_000

    def close(frame: bytes) -> None:
        pair.tcp.write(answer)
        pair.tcp.close("done")

    pair.receiver.on_frame = close
    await pair.send(framed(b"one") + framed(b"two"))
    assert await pair.read(len(answer)) == answer
    await pair.receiver.until(lambda: bool(pair.receiver.reasons))
    assert pair.receiver.frames == [b"one"]
    pair.close()


# Sending


async def test_answers_of_one_batch_leave_together_and_in_order(pair: Pair) -> None:
    pair.receiver.on_frame = lambda frame: pair.tcp.write(b"<" + frame + b">")
    await pair.send(b"".join(framed(b"%d" % n) for n in range(200)))
    expected = b"".join(b"<%d>" % n for n in range(200))
    assert await pair.read(len(expected)) == expected


async def test_a_slow_reader_gets_everything_in_order() -> None:
    pair = Pair(small=True)
    pieces = [bytes([n % 251]) * (n * 37 % 5000) for n in range(400)]
    for piece in pieces:
        pair.tcp.write(piece)
    assert pair.tcp.backlog_bytes > 0
    whole = b"".join(pieces)
    assert await pair.read(len(whole)) == whole
    await asyncio.sleep(0)
    assert pair.tcp.backlog_bytes == 0
    assert pair.tcp.bytes_out == len(whole)
    pair.close()


async def test_writes_while_a_backlog_waits_stay_in_order() -> None:
    pair = Pair(small=True)
    pair.receiver.on_frame = lambda frame: pair.tcp.write(frame * 3000)
    frames = [b"abc", b"de", b"f", b"ghij"] * 10
    await pair.send(b"".join(map(framed, frames)), step=7)
    whole = b"".join(frame * 3000 for frame in frames)
    assert await pair.read(len(whole)) == whole
    pair.close()


async def test_reading_pauses_over_high_water_and_goes_on_below() -> None:
    pair = Pair(small=True, high_water=100_000)
    pair.receiver.on_frame = lambda frame: pair.tcp.write(b"A" * 90_000)
    for _ in range(3):
        await pair.send(framed(b"more"))
        await asyncio.sleep(0)
    await pair.receiver.until(lambda: len(pair.receiver.frames) >= 2)
    taken = len(pair.receiver.frames)
    await pair.send(framed(b"unheard"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(pair.receiver.frames) == taken
    await pair.read(90_000 * taken)
    await pair.receiver.until(lambda: len(pair.receiver.frames) == 4)
    pair.close()


async def test_frames_of_one_segment_do_not_make_the_queue_grow_without_end() -> None:
    """A peer that asks a thousand times at once and reads nothing is not answered to the end."""
    pair = Pair(small=True, high_water=1_000_000)
    pair.receiver.on_frame = lambda frame: pair.tcp.write(b"A" * 100_000)
    await pair.send(framed(b"x" * 28) * 1000)
    for _ in range(10):
        await asyncio.sleep(0)
    assert pair.tcp.backlog_bytes <= 1_000_000 + 65_536 + 300_000
    answered = len(pair.receiver.frames)
    assert answered < 1000
    pair.receiver.on_frame = lambda frame: None
    await pair.read(100_000 * answered)
    await pair.receiver.until(lambda: len(pair.receiver.frames) == 1000)
    pair.close()


async def test_abort_with_a_backlog_forgets_it() -> None:
    pair = Pair(small=True)
    pair.tcp.write(b"x" * 1_000_000)
    pair.tcp.abort("enough")
    assert pair.tcp.backlog_bytes == 0
    assert pair.receiver.reasons == ["enough"]
    pair.close()


async def test_a_peer_that_is_gone_is_noticed_when_writing(pair: Pair) -> None:
    pair.peer.close()
    pair.tcp.write(b"x")
    pair.tcp.write(b"y")
    assert len(pair.receiver.reasons) == 1


# Buffers


async def test_a_buffer_is_not_used_again_before_it_is_sent() -> None:
    """Answers lie in the pool's buffers; one may come back only when the socket has it all."""
    pair = Pair(small=True)
    for n in range(60):
        buffer = pair.pool.take(30_000)
        buffer[:30_000] = bytes([n + 1]) * 30_000
        pair.tcp.write(memoryview(buffer)[:30_000], buffer)
        if n % 7 == 0:
            await asyncio.sleep(0)
    whole = b"".join(bytes([n + 1]) * 30_000 for n in range(60))
    assert await pair.read(len(whole)) == whole
    pair.close()


async def echo_in_pieces(steps: list[tuple[int, int, int]]) -> None:
    """For each (size, turns, part): send a frame, let the loop turn, read a part of what is due."""
    pair = Pair(small=True)

    def echo(frame: bytes) -> None:
        buffer = pair.pool.take(len(frame))
        buffer[: len(frame)] = frame
        pair.tcp.write(memoryview(buffer)[: len(frame)], buffer)

    pair.receiver.on_frame = echo
    due = b""
    for n, (size, turns, part) in enumerate(steps):
        payload = bytes([n + 1]) * size
        due += payload
        sending = asyncio.ensure_future(pair.send(framed(payload)))
        for _ in range(turns):
            await asyncio.sleep(0)
        wanted = min(part, len(due)) if sending.done() else len(due)
        assert await pair.read(wanted) == due[:wanted]
        due = due[wanted:]
        await sending
    assert await pair.read(len(due)) == due
    pair.close()


STEPS = st.tuples(st.integers(0, 100_000), st.integers(0, 3), st.integers(0, 50_000))


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=12))
def test_no_buffer_ever_has_two_owners(steps: list[tuple[int, int, int]]) -> None:
    """An echo whose answers lie in pooled buffers: every byte comes back right."""
    asyncio.run(echo_in_pieces(steps))


async def test_who_stops_reading_still_sends() -> None:
    pair = Pair(small=True, high_water=10_000)
    pair.tcp.write(b"x" * 300_000)
    pair.tcp.stop_reading()
    await pair.send(framed(b"unheard"))
    assert await pair.read(300_000) == b"x" * 300_000
    for _ in range(5):
        await asyncio.sleep(0)
    pair.tcp.write(b"more")
    assert await pair.read(4) == b"more"
    assert not pair.receiver.frames
    pair.close()
