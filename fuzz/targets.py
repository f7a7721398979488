"""Every decoder as a fuzz target: a name, something to call, bytes to start from.

Targets are found, not listed: a function or class method whose name begins with `decode` and whose
first parameter is a Buffer is one, so a new decoder is fuzzed from the day it is written. What
needs more than bytes is adapted below.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from fuzz import fuzz_client, fuzz_exposure, fuzz_netbios, fuzz_server
from nethood.fscc import dir_info
from nethood.rpc.ndr import Reader
from nethood.smb2.create_contexts import encode_contexts
from nethood.smb2.header import Header
from nethood.smb2.messages import decode_request, decode_response
from nethood.smb2.negotiate_contexts import decode_negotiate_contexts
from nethood.smb2.server import ServerConnection
from nethood.wire import Wire

PACKAGES = ("nbt", "browse", "wsd", "smb1", "smb2", "fscc", "dtyp", "rpc", "auth")
BUFFERS = {"Buffer", "bytes", "memoryview"}
COMMANDS = range(0x13)
_DIRECTORY_CLASSES = (1, 2, 3, 12, 37, 38, 60, 80, 81)


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder. *seeds* are inputs that get deeper into it than random bytes do."""

    name: str
    call: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = field(default=(b"",))


def all_targets() -> list[Target]:
    """Return every target, sorted by name."""
    found = {target.name: target for module in _modules() for target in _in_module(module)}
    for target in (*_adapted(), *_by_command()):
        found[target.name] = target
    return [found[name] for name in sorted(found)]


def _modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        parent = import_module(f"nethood.{package}")
        for info in pkgutil.iter_modules(parent.__path__, f"nethood.{package}."):
            yield import_module(info.name)


def _in_module(module: ModuleType) -> Iterator[Target]:
    where = module.__name__.removeprefix("nethood.")
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value) and name.startswith("decode"):
            yield from _callable(f"{where}.{name}", value)
        elif inspect.isclass(value):
            yield from _in_class(f"{where}.{name}", value)


def _in_class(where: str, cls: type[Any]) -> Iterator[Target]:
    if issubclass(cls, Wire):
        yield Target(where, partial(_decode_wire, cls), _default_bytes(cls))
        return
    for name, value in vars(cls).items():
        if name.startswith("decode") and isinstance(value, classmethod):
            yield from _callable(f"{where}.{name}", getattr(cls, name))


def _callable(name: str, call: Callable[..., object]) -> Iterator[Target]:
    first, *others = inspect.signature(call).parameters.values()
    if any(p.default is p.empty for p in others if p.kind is not p.KEYWORD_ONLY):
        return
    annotation = str(first.annotation)
    if annotation == "Reader":
        yield Target(name, lambda data: call(Reader(data)))
    elif annotation in BUFFERS:
        yield Target(name, lambda data: _drained(call(data)))


def _drained(result: object) -> object:
    return list(result) if isinstance(result, Iterator) else result


def _decode_wire(cls: type[Wire], data: bytes) -> object:
    return cls.decode(data)


def _default_bytes(cls: type[Any]) -> tuple[bytes, ...]:
    try:
        return (cls().encode(),)
    except TypeError:  # a class with fields that have no default
        return (b"",)


def _adapted() -> Iterator[Target]:
    for name, call, seeds in (
        *fuzz_client.targets(),
        *fuzz_exposure.targets(),
        *fuzz_netbios.decoders(),
        *fuzz_netbios.machines(),
    ):
        yield Target(name, call, seeds)
    for info_class in _DIRECTORY_CLASSES:
        yield Target(
            f"fscc.dir_info.decode_entries {info_class}",
            partial(_entries, info_class),
        )
    yield Target(
        "smb2.negotiate_contexts.decode_negotiate_contexts",
        lambda data: decode_negotiate_contexts(data, 0, 4),
    )
    yield Target(
        "smb2.create_contexts.decode_contexts",
        _named("smb2.create_contexts", "decode_contexts"),
        (encode_contexts([(b"MxAc", b""), (b"QFid", b"")]),),
    )
    yield Target("smb2.server.ServerConnection.receive", _receive, _headers())
    opening, on_files = fuzz_server.negotiate_seeds(), fuzz_server.file_seeds()
    yield Target("server.connection fresh", fuzz_server.feed_fresh, opening)
    yield Target("server.connection authenticated", fuzz_server.feed_authenticated, on_files)
    yield Target("server.connection pipe", fuzz_server.feed_pipe, fuzz_server.pipe_seeds())
    yield Target("server.session_service", fuzz_server.feed_packet, (b"\x20" + b"CA" * 16 + b"\0",))


def _named(module: str, name: str) -> Callable[[bytes], object]:
    found: Callable[[bytes], object] = getattr(import_module(f"nethood.{module}"), name)
    return found


def _by_command() -> Iterator[Target]:
    for command in COMMANDS:
        yield Target(
            f"smb2.messages.decode_request {command}",
            partial(_request, command),
        )
        yield Target(
            f"smb2.messages.decode_response {command}",
            partial(_response, Header(command=command)),
        )


def _entries(info_class: int, data: bytes) -> object:
    return list(dir_info.decode_entries(info_class, data))


def _request(command: int, data: bytes) -> object:
    return decode_request(command, data, 0)


def _response(header: Header, data: bytes) -> object:
    return decode_response(header, data, 0)


def _receive(data: bytes) -> object:
    core = ServerConnection(credit_limit=64, signing_required=True)
    return core.receive(memoryview(data), 0.0)


def _headers() -> tuple[bytes, ...]:
    return tuple(Header(command=c, credits=1).encode() + bytes(64) for c in COMMANDS)
