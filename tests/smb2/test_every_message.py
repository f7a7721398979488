"""What holds for every message: it comes back from its bytes, and no bytes make a decoder fail."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.smb2 import messages
from nethood.smb2.header import HEADER_SIZE, Header, split_compound
from nethood.smb2.messages import Message, decode_request, decode_response
from nethood.wire import Wire
from tests.smb2.samples import BODIES, DECODERS, REQUESTS, RESPONSES, STRUCTURES

HEADER = bytes(HEADER_SIZE)


def name_of(value: object) -> str:
    return type(value).__name__


def is_same(message: object, again: object) -> bool:
    """Equal, but for offsets and lengths that only encoding works out."""
    if not isinstance(message, Wire):
        return message == again
    given_ = {n: v for n in message.__slots__ if (v := getattr(message, n)) not in (0, b"")}
    return all(n.endswith("_offset") or getattr(again, n) == v for n, v in given_.items())


@pytest.mark.parametrize("message", BODIES, ids=name_of)
def test_a_message_comes_back_from_its_bytes(message: Message) -> None:
    data = HEADER + message.encode()
    again = type(message).decode(data, HEADER_SIZE)
    assert is_same(message, again)
    assert again.encode() == message.encode()
    from_view = type(message).decode(memoryview(data), HEADER_SIZE)
    assert from_view == again
    assert from_view.encode() == message.encode()


@pytest.mark.parametrize("message", BODIES, ids=name_of)
def test_what_lies_around_a_message_does_not_matter(message: Message) -> None:
    data = HEADER + message.encode()
    again = type(message).decode(data + b"behind", HEADER_SIZE)
    assert again == type(message).decode(data, HEADER_SIZE)


@pytest.mark.parametrize("structure", STRUCTURES, ids=name_of)
def test_a_structure_comes_back_from_its_bytes(structure: Wire) -> None:
    data = structure.encode()
    assert type(structure).decode(data) == structure
    assert type(structure).decode(b"before" + data, 6) == structure


@pytest.mark.parametrize("message", BODIES, ids=name_of)
def test_every_truncation_of_a_message_is_refused_or_harmless(message: Message) -> None:
    data = HEADER + message.encode()
    fixed = int.from_bytes(data[64:66], "little") & ~1
    whole = type(message).decode(data, HEADER_SIZE)
    for size in range(HEADER_SIZE, len(data)):
        try:
            short = type(message).decode(data[:size], HEADER_SIZE)
        except Malformed:
            continue
        assert size >= HEADER_SIZE + min(fixed, 24)
        assert short == whole, "bytes were cut off unnoticed"


@pytest.mark.parametrize("structure", STRUCTURES, ids=name_of)
def test_every_truncation_of_a_structure_is_refused(structure: Wire) -> None:
    data = structure.encode()
    for size in range(len(data)):
        with pytest.raises(Malformed):
            type(structure).decode(data[:size])


@pytest.mark.parametrize(("decoder", "data"), [each[1:] for each in DECODERS], ids=lambda _: "")
def test_every_truncation_of_a_list_is_refused_or_shorter(
    decoder: Callable[[bytes], object], data: bytes
) -> None:
    whole = decoder(data)
    for size in range(1, len(data) - 8):
        with contextlib.suppress(Malformed):
            assert decoder(data[:size]) != whole


@given(st.integers(0, 0x20), st.booleans(), st.integers(0, 0xFFFFFFFF), st.binary(max_size=300))
@settings(max_examples=400)
def test_any_bytes_decode_or_are_malformed(
    command: int, is_response: bool, status: int, body: bytes
) -> None:
    message = HEADER + body
    with contextlib.suppress(Malformed):
        if is_response:
            decode_response(Header(command=command, status=status), message)
        else:
            decode_request(command, message)


@given(st.sampled_from(BODIES), st.data())
@settings(max_examples=600)
def test_damaged_messages_decode_or_are_malformed(message: Message, data: st.DataObject) -> None:
    raw = bytearray(HEADER + message.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(HEADER_SIZE, len(raw) - 1))
        raw[at] = data.draw(st.sampled_from([0, 1, 0x40, 0x7F, 0x80, 0xFF]))
    try:
        damaged = type(message).decode(memoryview(raw), HEADER_SIZE)
    except Malformed:
        return
    again = type(message).decode(HEADER + damaged.encode(), HEADER_SIZE)
    assert again.encode() == damaged.encode()


@given(st.sampled_from(DECODERS), st.data())
@settings(max_examples=600)
def test_damaged_lists_decode_or_are_malformed(
    known: tuple[str, Callable[[bytes], object], bytes], data: st.DataObject
) -> None:
    _, decoder, sound = known
    raw = bytearray(data.draw(st.sampled_from([sound, data.draw(st.binary(max_size=200))])))
    for _ in range(data.draw(st.integers(0, 4)) if raw else 0):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        decoder(bytes(raw))


@given(st.binary(max_size=300))
def test_any_bytes_split_or_are_malformed(data: bytes) -> None:
    try:
        parts = split_compound(memoryview(data))
    except Malformed:
        return
    assert b"".join(parts) == data


def test_every_command_has_its_messages() -> None:
    requests = {name_of(message) for message in REQUESTS}
    responses = {name_of(message) for message in RESPONSES}
    assert {cls.__name__ for cls in messages.REQUESTS.values()} <= requests
    assert {cls.__name__ for cls in messages.RESPONSES.values()} <= responses
    assert set(messages.REQUESTS) | {0x12} == set(range(0x13))
    assert set(messages.RESPONSES) | {0x12, 0x0C} == set(range(0x14))


def test_every_wire_class_has_a_sample() -> None:
    sampled = {name_of(each) for each in [*BODIES, *STRUCTURES]}
    modules = {inspect.getmodule(type(each)) for each in [*BODIES, *STRUCTURES]}
    for module in modules - {None}:
        for name, cls in inspect.getmembers(module, inspect.isclass):
            if issubclass(cls, Wire) and cls is not Wire:
                assert name in sampled, f"{name} is in no list of tests/smb2/samples.py"
