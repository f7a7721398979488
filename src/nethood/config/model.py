"""The shape of nethood.toml, and the rules each value obeys."""

from __future__ import annotations

import dataclasses
import ipaddress
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

from nethood.errors import ConfigError
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


class WinsSettings(_Table):
    """The `[wins]` table: the NetBIOS name server."""

    enabled: StrictBool = False
    store: FilePath | None = None


class Settings(_Table):
    """All of nethood.toml."""

    server: ServerSettings = ServerSettings()
    netbios: NetbiosSettings = NetbiosSettings()
    browser: BrowserTable = BrowserTable()
    wins: WinsSettings = WinsSettings()
    limits: LimitsSettings = LimitsSettings()
    shares: dict[ShareName, ShareSettings] = {}
