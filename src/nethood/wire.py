"""The message codec: annotated classes, compiled into ``struct`` code at first use.

A message is a class with one annotated line per field, in wire order::

    @wire()
    class CloseRequest(Wire):
        "CLOSE request, [MS-SMB2] 2.2.15."
        structure_size: u16 = 24
        flags: u16 = 0
        reserved: u32 = 0
        persistent: u64 = 0
        volatile: u64 = 0

The generator knows two things: fixed-width fields, and `span`: bytes found through an offset and
a length field. Lists, chains and contexts are ordinary functions in the message's own module.
Fields called ``protocol_id`` and ``structure_size`` are checked against their defaults when
decoding.
"""

from __future__ import annotations

import linecache
import struct
import typing
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, dataclass_transform

from nethood.errors import Malformed

Buffer = bytes | bytearray | memoryview


class Fixed(NamedTuple):
    """How one fixed-width field is packed: a `struct` format code."""

    code: str


class Span(NamedTuple):
    """Where a variable-length field lies: the names of its offset and length fields."""

    offset: str
    length: str
    align: int
    empty: int


u8 = Annotated[int, Fixed("B")]
u16 = Annotated[int, Fixed("H")]
u32 = Annotated[int, Fixed("I")]
u64 = Annotated[int, Fixed("Q")]
i32 = Annotated[int, Fixed("i")]
i64 = Annotated[int, Fixed("q")]
raw4 = Annotated[bytes, Fixed("4s")]
raw8 = Annotated[bytes, Fixed("8s")]
raw16 = Annotated[bytes, Fixed("16s")]
raw32 = Annotated[bytes, Fixed("32s")]


def span(offset: str, length: str, align: int = 1, empty: int = 0) -> Any:
    """Declare bytes that lie at field *offset* (counted from *base*), field *length* bytes long.

    Decoding slices without copying: a `memoryview` in gives a `memoryview` out. Encoding computes
    both fields and places the bytes after the fixed part, each aligned to *align*. Where there are
    none, the offset stays as given, since peers disagree on it, and *empty* zero bytes stand in:
    the odd structure sizes of [MS-SMB2] promise one, and some peers insist on it.
    """
    return Span(offset, length, align, empty)


class Wire:
    """The base of all messages: what the generator adds, for type checkers and readers."""

    __slots__: tuple[str, ...] = ()
    SIZE: ClassVar[int]

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read one message that starts at *offset*. Raises Malformed."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """Return the message as it stands on the wire, spans placed and counted."""
        raise NotImplementedError

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]


class _Plan:
    """What the generator needs to know of one class, worked out from its annotations."""

    def __init__(self, cls: type[Wire], defaults: dict[str, Any], order: str, base: int) -> None:
        hints = typing.get_type_hints(cls, include_extras=True)
        self.names: list[str] = list(cls.__slots__)
        self.defaults = defaults
        self.base = base
        self.spans = {n: d for n, d in defaults.items() if isinstance(d, Span)}
        self.fixed = [n for n in self.names if n not in self.spans]
        self.computed = {n for s in self.spans.values() for n in (s.offset, s.length)}
        self.layout = struct.Struct(order + "".join(_code(hints[n]) for n in self.fixed))


def _code(hint: Any) -> str:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Fixed):
            return extra.code
    raise TypeError(f"{hint!r} is neither a fixed-width field nor declared with span()")


def _init_source(plan: _Plan) -> list[str]:
    params = []
    for name in plan.names:
        if name in plan.spans:
            params.append(f"{name}=b''")
        elif name in plan.defaults:
            params.append(f"{name}=d_{name}")
        elif name in plan.computed:
            params.append(f"{name}=0")
        else:
            params.append(name)
    # Fields without a default may follow fields with one: all but `self` are keyword-capable.
    first_default = next((i for i, p in enumerate(params) if "=" in p), len(params))
    if any("=" not in p for p in params[first_default:]):
        params.insert(first_default, "*")
    return [
        f"def __init__(self, {', '.join(params)}):",
        *(f"    self.{n} = {n}" for n in plan.names),
    ]


def _decode_source(plan: _Plan) -> list[str]:
    fields = ", ".join(f"_self.{n}" for n in plan.fixed)
    lines = [
        "def decode(_data, _offset=0):",
        "    _self = new(cls)",
        f"    try: {fields}, = unpack_from(_data, _offset)",
        "    except struct_error: raise short(len(_data), _offset) from None",
    ]
    if "protocol_id" in plan.defaults:
        lines.append("    if _self.protocol_id != d_protocol_id: raise wrong_protocol(_offset)")
    if "structure_size" in plan.defaults:
        lines += [
            "    if _self.structure_size != d_structure_size:",
            "        raise wrong_size(_self.structure_size, _offset)",
        ]
    for name, where in plan.spans.items():
        lines += [
            f"    _length = _self.{where.length}",
            "    if _length:",
            f"        _start = _offset - {plan.base} + _self.{where.offset}",
            "        _end = _start + _length",
            f"        if _start < _offset + {plan.layout.size} or _end > len(_data):"
            f" raise outside({name!r}, _start)",
            f"        _self.{name} = _data[_start:_end]",
            f"    else: _self.{name} = b''",
        ]
    return [*lines, "    return _self"]


def _encode_source(plan: _Plan) -> list[str]:
    lines = ["def encode(self):"]
    tail = ""
    if plan.spans:
        lines.append(f"    _at = {plan.base + plan.layout.size}")
    for name, where in plan.spans.items():
        if where.align > 1:
            lines += [
                f"    _pad_{name} = -_at % {where.align} if len(self.{name}) else 0",
                f"    _at += _pad_{name}",
            ]
            tail += f" + bytes(_pad_{name})"
        lines += [
            f"    v_{name} = self.{name}",
            f"    v_{where.length} = len(v_{name})",
            f"    v_{where.offset} = _at if v_{where.length} else self.{where.offset}",
            f"    _at += v_{where.length}",
        ]
        if where.empty:
            lines += [
                f"    if not v_{where.length}:",
                f"        v_{name} = {bytes(where.empty)!r}",
                f"        _at += {where.empty}",
            ]
        tail += f" + v_{name}"
    args = ", ".join(f"v_{n}" if n in plan.computed else f"self.{n}" for n in plan.fixed)
    return [*lines, f"    return pack({args}){tail}"]


def _errors(cls: type[Wire], plan: _Plan) -> dict[str, Callable[..., Malformed]]:
    """Return the ways a decoder fails, as functions so that the good path carries no text."""
    name, size = cls.__name__, plan.layout.size

    def short(have: int, offset: int) -> Malformed:
        return Malformed(name, f"needs {size} bytes, has {max(0, have - offset)}", offset)

    def wrong_size(found: int, offset: int) -> Malformed:
        return Malformed(name, f"StructureSize is {found}", offset)

    def wrong_protocol(offset: int) -> Malformed:
        return Malformed(name, "ProtocolId is not this structure's", offset)

    def outside(field: str, start: int) -> Malformed:
        return Malformed(name, f"{field} points outside the message", start)

    return {
        "short": short,
        "wrong_size": wrong_size,
        "wrong_protocol": wrong_protocol,
        "outside": outside,
    }


def _compile(cls: type[Wire], defaults: dict[str, Any], order: str, base: int) -> None:
    """Replace the class's first-use stubs by generated methods."""
    plan = _Plan(cls, defaults, order, base)
    source = "\n".join([*_init_source(plan), *_decode_source(plan), *_encode_source(plan)])
    where = f"<wire {cls.__module__}.{cls.__qualname__}>"
    env: dict[str, Any] = {
        "new": object.__new__,
        "cls": cls,
        "unpack_from": plan.layout.unpack_from,
        "pack": plan.layout.pack,
        "struct_error": struct.error,
        **{f"d_{n}": d for n, d in defaults.items()},
        **_errors(cls, plan),
    }
    exec(compile(source, where, "exec"), env)
    # Tracebacks and debuggers show the generated lines.
    linecache.cache[where] = (len(source), None, source.splitlines(keepends=True), where)
    made: Any = cls
    made.SIZE = plan.layout.size
    made.__init__ = env["__init__"]
    made.decode = staticmethod(env["decode"])
    made.encode = env["encode"]


T = TypeVar("T", bound=Wire)


@dataclass_transform(kw_only_default=False)
def wire(order: str = "<", base: int = 64) -> Callable[[type[T]], type[T]]:
    """Turn an annotated class into a message with slots, ``decode`` and ``encode``.

    *base* is where span offsets are counted from: the distance from that point to the first byte
    of this structure (64 for an SMB2 body, whose offsets count from its header; 0 for a structure
    whose offsets count from itself).
    """

    def build(cls: type[T]) -> type[T]:
        names = tuple(cls.__dict__.get("__annotations__", {}))  # noqa: RUF063 (inspect is slow to import)
        defaults = {n: cls.__dict__[n] for n in names if n in cls.__dict__}
        skip = {*names, "__dict__", "__weakref__"}
        body: dict[str, Any] = {k: v for k, v in cls.__dict__.items() if k not in skip}

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            _compile(made, defaults, order, base)
            self.__init__(*args, **kwargs)

        def decode(_cls: Any, data: Buffer, offset: int = 0) -> Any:
            if not hasattr(made, "SIZE"):  # someone may have kept this first-use stub
                _compile(made, defaults, order, base)
            return made.decode(data, offset)

        body |= {"__slots__": names, "__init__": __init__, "decode": classmethod(decode)}
        made: Any = type(cls.__name__, cls.__bases__, body)
        return typing.cast("type[T]", made)

    return build
