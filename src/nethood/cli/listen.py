"""Where `nethood serve` listens: private addresses, on 445 and 139 if they may be bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from nethood.config.model import endpoint
from nethood.errors import ConfigError
from nethood.net.interfaces import is_private, primary_address, private_addresses
from nethood.net.ports import why_not

SMB_PORT = 445
SESSION_PORT = 139
FALLBACK_PORTS = range(4450, 4460)

WhyNot = Callable[[str, int], str | None]


@dataclass(slots=True)
class Places:
    """Addresses and ports to listen on, and what the person should know about them."""

    endpoints: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def texts(self) -> list[str]:
        """Return the endpoints as the server takes them: "ADDR:PORT", IPv6 in brackets."""
        return [text(address, port) for address, port in self.endpoints]


def text(address: str, port: int) -> str:
    """Return "ADDR:PORT", an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def choose(wanted: Sequence[str], why_not: WhyNot = why_not) -> Places:
    """Decide where to listen. *wanted* are "ADDR", "ADDR:PORT" or ":PORT"; none means defaults.

    Raises ConfigError where a named address and port can't be had.
    """
    places = Places()
    ports_open: list[str] = []
    for one in wanted or [""]:
        address, port = endpoint(one)
        addresses = [address] if address else private_addresses()
        if port is None:
            ports_open.extend(addresses)
        else:
            _take(places, addresses, port, why_not)
    if ports_open:
        _take_default_ports(places, list(dict.fromkeys(ports_open)), why_not)
    _warn_of_public(places)
    return places


def _take(places: Places, addresses: Iterable[str], port: int, why_not: WhyNot) -> None:
    for address in addresses:
        if port and (reason := why_not(address, port)):
            raise ConfigError(
                f"cannot listen on {text(address, port)}: {reason}."
                " Choose another port with --listen ADDRESS:PORT."
            )
        places.endpoints.append((address, port))


def _take_default_ports(places: Places, addresses: list[str], why_not: WhyNot) -> None:
    reason = _first_reason(addresses, SMB_PORT, why_not)
    if reason is None:
        places.endpoints.extend((address, SMB_PORT) for address in addresses)
        if (reason := _first_reason(addresses, SESSION_PORT, why_not)) is None:
            places.endpoints.extend((address, SESSION_PORT) for address in addresses)
        else:
            places.notes.append(f"Port 139, for old clients only, is left out: {reason}.")
        return
    for port in FALLBACK_PORTS:
        if _first_reason(addresses, port, why_not) is None:
            places.notes.append(f"Port 445 can't be used: {reason}; using {port} instead.")
            places.endpoints.extend((address, port) for address in addresses)
            return
    first, last = FALLBACK_PORTS[0], FALLBACK_PORTS[-1]
    raise ConfigError(
        f"neither port 445 ({reason}) nor {first} to {last} can be listened on;"
        " name a free one with --listen :PORT."
    )


def _first_reason(addresses: Iterable[str], port: int, why_not: WhyNot) -> str | None:
    return next((reason for a in addresses if (reason := why_not(a, port))), None)


def _warn_of_public(places: Places) -> None:
    public = sorted({a for a, _ in places.endpoints if not is_private(a) and not _is_any(a)})
    if public:
        places.notes.append(
            f"Listening on {', '.join(public)}, which is public: peers outside private networks"
            " are refused until [server] allow in nethood.toml names their network."
        )


def _is_any(address: str) -> bool:
    return address in ("0.0.0.0", "::")


def best_host(addresses: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """Pick, of the (address, port) pairs listened on, the one other machines should be told.

    The address of the default route comes first, then any that is no loopback, IPv4 before IPv6;
    port 139 comes last.
    """
    primary = primary_address()

    def rank(pair: tuple[str, int]) -> tuple[bool, bool, bool, bool]:
        host, port = pair
        loopback = host.startswith("127.") or host == "::1"
        return port == SESSION_PORT, host != primary, loopback, ":" in host

    known = [(_reachable(host, primary), port) for host, port in addresses]
    return min(known, key=rank)


def _reachable(host: str, primary: str | None) -> str:
    if not _is_any(host):
        return host
    return primary or ("127.0.0.1" if host == "0.0.0.0" else "::1")
