"""IOCTL: the control codes a file server answers ([MS-SMB2] 3.3.5.15)."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeAlias

from nethood.erref import (
    STATUS_BUFFER_TOO_SMALL,
    STATUS_FS_DRIVER_REQUIRED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_A_REPARSE_POINT,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import ProtocolViolation, StatusError
from nethood.net.interfaces import served_addresses
from nethood.server.handlers import copychunk, extents, file_control
from nethood.server.handlers.io import check_charge
from nethood.server.handlers.pipe import peek, transceive
from nethood.server.opens import FileOpen, PipeOpen, find_open
from nethood.server.results import Outcome, Result
from nethood.smb2 import constants as c
from nethood.smb2.ioctl import IoctlRequest, IoctlResponse
from nethood.smb2.ioctl_payloads import (
    NetworkInterfaceInfo,
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
    encode_network_interfaces,
)

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_ALL_ONES = 0xFFFFFFFFFFFFFFFF
_LINK_SPEED = 1_000_000_000
_UNHANDLED: dict[int, int] = {
    c.FSCTL_DFS_GET_REFERRALS: STATUS_FS_DRIVER_REQUIRED,
    c.FSCTL_DFS_GET_REFERRALS_EX: STATUS_FS_DRIVER_REQUIRED,
    c.FSCTL_GET_REPARSE_POINT: STATUS_NOT_A_REPARSE_POINT,
    c.FSCTL_SRV_READ_HASH: STATUS_NOT_SUPPORTED,
    c.FSCTL_LMR_REQUEST_RESILIENCY: STATUS_NOT_SUPPORTED,
    c.FSCTL_PIPE_WAIT: STATUS_NOT_SUPPORTED,
}
"""Codes that are known and not offered, with the status that says so."""

Ioctl: TypeAlias = "Callable[[ClientConnection, Request, IoctlRequest], Outcome]"


def handle_ioctl(connection: ClientConnection, request: Request) -> Outcome:
    """Answer a control code."""
    asked = IoctlRequest.decode(request.message, 64)
    if not asked.flags & c.SMB2_0_IOCTL_IS_FSCTL:
        raise StatusError(STATUS_NOT_SUPPORTED)
    room = max(asked.max_output_response, asked.max_input_response, asked.input_count)
    check_charge(connection, request, room)
    without_file = _WITHOUT_FILE.get(asked.ctl_code)
    if without_file is not None:
        if asked.persistent != _ALL_ONES or asked.volatile != _ALL_ONES:
            raise StatusError(STATUS_INVALID_PARAMETER)
        return without_file(connection, request, asked)
    if asked.ctl_code in (c.FSCTL_DFS_GET_REFERRALS, c.FSCTL_DFS_GET_REFERRALS_EX):
        raise StatusError(STATUS_FS_DRIVER_REQUIRED)
    opened = find_open(request, asked.persistent, asked.volatile)
    if isinstance(opened, PipeOpen):
        return _pipe(opened, asked)
    return _on_file(connection, opened, asked)


def answer(asked: IoctlRequest, output: bytes, status: int = 0) -> Result:
    """Return an IOCTL response that carries *output*."""
    body = IoctlResponse(
        ctl_code=asked.ctl_code,
        persistent=asked.persistent,
        volatile=asked.volatile,
        output=output,
    ).encode()
    return (status, body) if status else body


def _pipe(opened: PipeOpen, asked: IoctlRequest) -> Outcome:
    if asked.ctl_code == c.FSCTL_PIPE_TRANSCEIVE:
        return transceive(opened, bytes(asked.input), asked.ctl_code, asked.max_output_response)
    if asked.ctl_code == c.FSCTL_PIPE_PEEK:
        return peek(opened, asked.ctl_code, asked.max_output_response)
    raise StatusError(_UNHANDLED.get(asked.ctl_code, STATUS_NOT_SUPPORTED))


def _on_file(connection: ClientConnection, opened: FileOpen, asked: IoctlRequest) -> Outcome:
    code = asked.ctl_code
    if code == c.FSCTL_SRV_REQUEST_RESUME_KEY:
        return answer(asked, copychunk.resume_key(opened, asked.max_output_response))
    if code in (c.FSCTL_SRV_COPYCHUNK, c.FSCTL_SRV_COPYCHUNK_WRITE):
        return copychunk.copy_chunks(connection, opened, asked)
    if code == c.FSCTL_DUPLICATE_EXTENTS_TO_FILE:
        return extents.duplicate_extents(connection, opened, asked)
    control = file_control.CONTROLS.get(code)
    if control is not None:
        status, output = control(opened, asked.input, asked.max_output_response)
        return answer(asked, output, status)
    raise StatusError(_UNHANDLED.get(code, STATUS_INVALID_DEVICE_REQUEST))


def _validate_negotiate(
    connection: ClientConnection, request: Request, asked: IoctlRequest
) -> Result:
    """Prove that nobody changed the negotiation on the way ([MS-SMB2] 3.3.5.15.12).

    A mismatch, or the question in dialect 3.1.1 that has a better proof, ends the connection.
    """
    core, options = connection.core, connection.server.options
    if core.dialect == c.DIALECT_3_1_1:
        raise ProtocolViolation("VALIDATE_NEGOTIATE_INFO in dialect 3.1.1")
    claim = ValidateNegotiateInfoRequest.decode(asked.input)
    if (
        claim.capabilities != core.client_capabilities
        or bytes(claim.guid) != core.client_guid
        or claim.security_mode != core.client_security_mode
        or tuple(claim.dialects) != core.client_dialects
    ):
        raise ProtocolViolation("its negotiation was changed on the way: someone may interfere")
    security_mode = c.SMB2_NEGOTIATE_SIGNING_ENABLED
    if options.signing_required:
        security_mode |= c.SMB2_NEGOTIATE_SIGNING_REQUIRED
    output = ValidateNegotiateInfoResponse(
        capabilities=core.capabilities,
        guid=connection.server.server_guid,
        security_mode=security_mode,
        dialect=core.dialect,
    ).encode()
    if asked.max_output_response < len(output):
        raise StatusError(STATUS_BUFFER_TOO_SMALL)
    # The answer proves something only when it is signed ([MS-SMB2] 3.3.5.15.12).
    request.is_signed = True
    return answer(asked, output)


def _network_interfaces(
    connection: ClientConnection, request: Request, asked: IoctlRequest
) -> Result:
    """List the addresses this server can be reached by ([MS-SMB2] 3.3.5.15.11)."""
    if connection.core.dialect < c.DIALECT_3_0:
        raise StatusError(STATUS_NOT_SUPPORTED)
    listed = [
        NetworkInterfaceInfo(index, ip_address(address), _LINK_SPEED)
        for index, address in served_addresses(connection.server.listening)
    ]
    output = encode_network_interfaces(listed)
    if len(output) > asked.max_output_response:
        raise StatusError(STATUS_BUFFER_TOO_SMALL)
    return answer(asked, output)


_WITHOUT_FILE: dict[int, Ioctl] = {
    c.FSCTL_VALIDATE_NEGOTIATE_INFO: _validate_negotiate,
    c.FSCTL_QUERY_NETWORK_INTERFACE_INFO: _network_interfaces,
}
