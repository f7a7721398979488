"""The shape of nethood.toml, and the rules each value obeys."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    create_model,
    model_validator,
)

from nethood.errors import ConfigError, LocalError
from nethood.nbt.wins import WinsOptions
from nethood.nbt.wins_records import MAX_ADDRESSES, Intervals
from nethood.neighborhood.name_text import parse_name
from nethood.server.options import Limits, Network, check_share_name

Dialect = Literal["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"]

DIALECTS: dict[str, int] = {
    "2.0.2": 0x0202,
    "2.1": 0x0210,
    "3.0": 0x0300,
    "3.0.2": 0x0302,
    "3.1.1": 0x0311,
}


def netbios_name(value: str) -> str:
    """Return *value* as a NetBIOS name (1 to 15 letters, digits or hyphens) in capitals."""
    if not 1 <= len(value) <= 15 or not value.isascii():
        raise ValueError("must have 1 to 15 characters, letters and digits without accents")
    if not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError("may hold only letters, digits, hyphens and underscores")
    return value.upper()


def share_name(value: str) -> str:
    """Return *value* if it can name a share."""
    try:
        check_share_name(value)
    except ConfigError as error:
        raise ValueError(str(error).partition(": ")[2]) from None
    return value


def service_name(value: str) -> str:
    """Return *value*, NAME or NAME#SUFFIX, with its suffix, in capitals."""
    try:
        name = parse_name(value)
    except LocalError as error:
        raise ValueError(f'must be NAME#SUFFIX, such as "CORP#1C": {error}') from None
    return f"{name.name}#{name.suffix:02X}"


def endpoint(value: str) -> tuple[str | None, int | None]:
    """Split "ADDR", "ADDR:PORT" or ":PORT" into address and port; None stands for the default.

    An IPv6 address is written in brackets where a port follows it. Raises ValueError.
    """
    address, port = _split_endpoint(value)
    if address == "localhost":
        address = "127.0.0.1"
    if address:
        try:
            ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            raise ValueError(
                "must be ADDRESS, ADDRESS:PORT or :PORT, such as 192.168.1.5:445"
            ) from None
    if port is not None and not (port.isdecimal() and port.isascii() and int(port) < 65536):
        raise ValueError("must end in a port from 0 to 65535")
    return address or None, None if port is None else int(port)


def _split_endpoint(value: str) -> tuple[str, str | None]:
    if value.startswith("["):
        address, _, rest = value[1:].partition("]")
        return address, rest[1:] if rest.startswith(":") else None
    if value.count(":") == 1:
        address, _, port = value.partition(":")
        return address, port
    return value, None


def _checked_endpoint(value: str) -> str:
    endpoint(value)
    return value


def _expanded(value: Path) -> Path:
    return value.expanduser()


NetbiosName = Annotated[str, AfterValidator(netbios_name)]
ShareName = Annotated[str, AfterValidator(share_name)]
ServiceName = Annotated[str, AfterValidator(service_name)]
Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
FilePath = Annotated[Path, AfterValidator(_expanded)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShareSettings(_Table):
    """One `[shares.NAME]` table."""

    path: FilePath
    users: tuple[str, ...] | None = None
    read_only: StrictBool = False
    encrypt: StrictBool = False
    hidden: StrictBool = False
    comment: Annotated[str, Field(max_length=256)] = ""


class ServerSettings(_Table):
    """The `[server]` table."""

    name: NetbiosName | None = None
    workgroup: NetbiosName = "WORKGROUP"
    comment: Annotated[str, Field(max_length=256)] = "nethood"
    listen: tuple[Endpoint, ...] = ()
    signing: Literal["required", "enabled"] = "required"
    encrypt: StrictBool = False
    min_dialect: Dialect = "2.0.2"
    max_dialect: Dialect = "3.1.1"
    allow_public: StrictBool = False
    allow: tuple[Network, ...] = ()
    session_lifetime_s: Annotated[float, Field(gt=0, strict=True)] | None = None
    users: FilePath | None = None
    discovery: StrictBool = True
    discovery_interfaces: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _dialects_in_order(self) -> Self:
        if DIALECTS[self.min_dialect] > DIALECTS[self.max_dialect]:
            raise ValueError(
                f"min_dialect {self.min_dialect} is above max_dialect {self.max_dialect}; swap them"
            )
        if self.encrypt and DIALECTS[self.max_dialect] < DIALECTS["3.0"]:
            raise ValueError("encrypt needs dialect 3.0 or newer; raise max_dialect")
        return self


def _limits_settings() -> Any:
    hints = get_type_hints(Limits)
    keys: dict[str, Any] = {
        field.name: (Annotated[hints[field.name], Field(ge=0, strict=True)], field.default)
        for field in dataclasses.fields(Limits)
    }
    return create_model("LimitsSettings", __base__=_Table, **keys)


if TYPE_CHECKING:

    class LimitsSettings(_Table):
        """The `[limits]` table: the fields of server.Limits, none below zero."""
else:
    LimitsSettings = _limits_settings()


class NetbiosSettings(_Table):
    """The `[netbios]` table: the name service on UDP 137 and datagrams on UDP 138."""

    enabled: StrictBool = False
    node: Literal["B", "P", "M", "H"] = "B"
    name_servers: tuple[ipaddress.IPv4Address, ...] = ()
    interfaces: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _whom_to_ask(self) -> Self:
        if self.node != "B" and not self.name_servers:
            raise ValueError(
                f'node "{self.node}" asks a name server; name it in name_servers, or use node "B"'
            )
        return self


class BrowserTable(_Table):
    """The `[browser]` table: which part this host has in browsing."""

    master: Literal["no", "potential", "preferred"] = "no"


Kind = Literal["unique", "group", "special-group", "multihomed"]
Seconds = Annotated[float, Field(gt=0, strict=True)]
_MOST: dict[Kind, int] = {
    "unique": 1,
    "group": 0,
    "special-group": MAX_ADDRESSES,
    "multihomed": MAX_ADDRESSES,
}
_INTERVALS = Intervals()


class StaticSettings(_Table):
    """One `[[wins.static]]` table: a name that no registration overrides."""

    name: ServiceName
    kind: Kind = "unique"
    addresses: tuple[ipaddress.IPv4Address, ...] = ()

    @model_validator(mode="after")
    def _as_many_as_the_kind_has(self) -> Self:
        most, found = _MOST[self.kind], len(self.addresses)
        if len(set(self.addresses)) < found:
            raise ValueError(f"{self.name} has an address twice; write it once")
        if min(most, 1) <= found <= most:
            return self
        if not most:
            problem = "has no addresses, its members are asked by broadcast; leave addresses out"
        elif most == 1:
            problem = f"has one address, not {found}"
        else:
            problem = f"has 1 to {most} addresses, not {found}"
        raise ValueError(f'{self.name} of kind "{self.kind}" {problem}')


class PartnerSettings(_Table):
    """One `[[wins.partners]]` table: a name server to replicate with."""

    address: ipaddress.IPv4Address
    pull: StrictBool = True
    push: StrictBool = True
    interval_s: Annotated[float, Field(ge=10, strict=True)] = 1800.0

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.pull or self.push):
            raise ValueError(
                f"{self.address} with neither pull nor push exchanges nothing; leave it out"
            )
        return self


class WinsSettings(_Table):
    """The `[wins]` table: the NetBIOS name server."""

    enabled: StrictBool = False
    store: FilePath | None = None
    networks: tuple[ipaddress.IPv4Network, ...] | None = None
    rate_per_s: Annotated[float, Field(ge=0, strict=True)] = 50.0
    burst: Annotated[int, Field(ge=1, strict=True)] = 200
    max_records: Annotated[int, Field(ge=1, strict=True)] = WinsOptions().max_records
    renewal_s: Seconds = _INTERVALS.renewal_s
    extinction_s: Seconds = _INTERVALS.extinction_s
    extinction_timeout_s: Seconds = _INTERVALS.extinction_timeout_s
    verify_s: Seconds = _INTERVALS.verify_s
    special_groups: tuple[ServiceName, ...] = ()
    own_address: ipaddress.IPv4Address | None = None
    push_delay_s: Annotated[float, Field(ge=0, strict=True)] = 1.0
    static: tuple[StaticSettings, ...] = ()
    partners: tuple[PartnerSettings, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if twice := _twice(entry.name for entry in self.static):
            raise ValueError(f"{twice} stands in two [[wins.static]]; write one with all addresses")
        if twice := _twice(str(partner.address) for partner in self.partners):
            raise ValueError(f"{twice} stands in two [[wins.partners]]; keep one of them")
        if any(partner.address == self.own_address for partner in self.partners):
            raise ValueError(
                f"own_address {self.own_address} is a partner too; name only the others in"
                " [[wins.partners]]"
            )
        return self


def _twice(values: Iterable[str]) -> str | None:
    return next((value for value, times in Counter(values).items() if times > 1), None)


class Settings(_Table):
    """All of nethood.toml."""

    server: ServerSettings = ServerSettings()
    netbios: NetbiosSettings = NetbiosSettings()
    browser: BrowserTable = BrowserTable()
    wins: WinsSettings = WinsSettings()
    limits: LimitsSettings = LimitsSettings()
    shares: dict[ShareName, ShareSettings] = {}
