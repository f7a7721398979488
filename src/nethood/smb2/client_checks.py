"""What a client insists on in an answer: [MS-SMB2] 3.2.5.1.3, 3.2.5.3.1, 3.2.5.14.12.

Everything here raises ProtocolViolation, after which the connection is of no more use.
"""

from __future__ import annotations

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_SUCCESS,
    STATUS_USER_SESSION_DELETED,
    is_error,
)
from nethood.errors import Malformed, ProtocolViolation
from nethood.smb2 import constants as c
from nethood.smb2.client_negotiation import Negotiated
from nethood.smb2.client_state import ClientRequest, ClientSession, Response
from nethood.smb2.error import ErrorResponse
from nethood.smb2.header import Header
from nethood.smb2.ioctl import IoctlResponse
from nethood.smb2.ioctl_payloads import ValidateNegotiateInfoResponse
from nethood.smb2.messages import Message, decode_response


def check_protection(
    request: ClientRequest,
    header: Header,
    message: memoryview,
    sealed_by: ClientSession | None,
) -> None:
    """See that the answer to *request* is encrypted or signed as it must be.

    *sealed_by* is the session whose keys opened it, None where it came in clear.
    """
    session = request.session
    if sealed_by is not None:
        if session is not sealed_by:
            raise ProtocolViolation("the answer came encrypted by another session")
        return
    if session is None or session.signer is None:
        return
    name = c.command_name(header.command)
    if header.session_id != session.session_id:
        raise ProtocolViolation(f"the answer to {name} belongs to another session")
    if header.status == STATUS_USER_SESSION_DELETED:  # and its keys with it
        return
    if request.is_encrypted:
        raise ProtocolViolation(f"the answer to {name} is not encrypted")
    if header.flags & c.SMB2_FLAGS_SIGNED:
        if not session.signer.verify(message, header.message_id, from_server=True):
            raise ProtocolViolation(f"the signature of the answer to {name} is wrong")
    elif request.is_signed or session.signing_required:
        raise ProtocolViolation(f"the answer to {name} is not signed")


def check_final_response(session: ClientSession, negotiated: Negotiated, *, required: bool) -> None:
    """Verify the server's yes to a logon with the keys made from it.

    In 3.1.1 it is signed always: the proof that nobody changed the negotiation.
    """
    assert session.signer is not None
    assert session.final_response is not None
    header, message = session.final_response
    if header.flags & c.SMB2_FLAGS_SIGNED:
        if not session.signer.verify(message, header.message_id, from_server=True):
            raise ProtocolViolation("the signature of the server's yes to the logon is wrong")
    elif required or negotiated.dialect_revision == c.DIALECT_3_1_1:
        raise ProtocolViolation("the server's yes to the logon is not signed")


def check_validation(known: Negotiated, response: Response) -> None:
    """Compare what the server says it negotiated with what is *known*."""
    if response.status in (STATUS_ACCESS_DENIED, STATUS_USER_SESSION_DELETED):
        # The second is taken unsigned, so it proves nothing.
        raise ProtocolViolation("the server does not confirm the negotiation")
    body = response.body
    if response.status != STATUS_SUCCESS or not isinstance(body, IoctlResponse):
        return  # an old server says, signed, that it does not know the question
    found = ValidateNegotiateInfoResponse.decode(body.output)
    told = (found.capabilities, bytes(found.guid), found.security_mode, found.dialect)
    here = (known.capabilities, known.server_guid, known.security_mode, known.dialect_revision)
    if told != here:
        raise ProtocolViolation("the negotiation was changed on its way; look for a relay")


def note_pending(request: ClientRequest, header: Header) -> None:
    """Remember that the answer takes a while, [MS-SMB2] 3.2.5.1.5."""
    if not header.flags & c.SMB2_FLAGS_ASYNC_COMMAND:
        raise ProtocolViolation("an interim answer without an AsyncId")
    request.is_pending = True
    request.async_id = header.async_id


def decode_body(header: Header, message: memoryview) -> Message:
    """Read a response's body. Raises Malformed.

    Deviates: impacket's server refuses a SESSION_SETUP with the body of one that went well; the
    status says all there is to know.
    """
    try:
        return decode_response(header, message)
    except Malformed:
        refused = is_error(header.status) and header.status != STATUS_MORE_PROCESSING_REQUIRED
        if header.command == c.SMB2_SESSION_SETUP and refused:
            return ErrorResponse()
        raise
