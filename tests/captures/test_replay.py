"""What captured clients send up to the end of authentication gets the answers it got then.

Nobody knows the users' passwords, so the last word on a login is the captured server's: an
acceptor stands in that gives its verdict. Our own acceptor reads every token all the same, and has
to get as far as not knowing the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nethood import erref
from nethood.auth.acceptor import Acceptor, initial_token
from nethood.auth.base import ClientNames, LogonRefused
from nethood.auth.users import Account
from nethood.nbt.session import SESSION_MESSAGE
from nethood.smb2 import constants as c
from nethood.smb2.header import Header
from nethood.smb2.messages import Message, decode_request, decode_response
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb2.negotiation import DIALECTS
from nethood.smb2.session_setup import SessionSetupRequest
from tests.captures.reader import conversations, files
from tests.server.files import Client
from tests.server.harness import Harness, is_dropped, transport_of

MADE_BY_A_FUZZER = {"smb2_fscontrol.pcap"}
NOT_FOR_US = (erref.STATUS_REQUEST_NOT_ACCEPTED,)
"""How binding a session to a second connection is declined: we offer no multichannel."""
NTLM = b"NTLMSSP\0"


@dataclass(slots=True)
class Exchange:
    """A captured request and the answer to it."""

    request: bytes
    answer: bytes

    @property
    def answered(self) -> Header:
        return Header.decode(self.answer)

    @property
    def body(self) -> Message:
        return decode_response(self.answered, self.answer)

    @property
    def asked(self) -> Message | None:
        """What was asked, None for an SMB1 negotiate."""
        if self.request[:4] != b"\xfeSMB":
            return None
        return decode_request(Header.decode(self.request).command, self.request)

    @property
    def binds(self) -> bool:
        asked = self.asked
        flag = c.SMB2_SESSION_FLAG_BINDING
        return isinstance(asked, SessionSetupRequest) and bool(asked.flags & flag)


def openings(path: Path) -> Iterator[list[Exchange]]:
    """Yield the beginning of each conversation that led to SMB2, one exchange after the other."""
    if path.name in MADE_BY_A_FUZZER:
        return
    for talk in conversations(path):
        found: list[Exchange] = []
        asked: bytes | None = None
        for frame in talk.frames:
            if frame.type != SESSION_MESSAGE or not _opens(frame.payload):
                break
            if frame.from_client:
                asked = frame.payload
            elif asked is not None:
                found.append(Exchange(asked, frame.payload))
                asked = None
        if found and found[0].answer[:4] == b"\xfeSMB" and found[0].answered.command == 0:
            yield found


def _opens(payload: bytes) -> bool:
    if payload[:4] == b"\xffSMB":
        return payload[4] == 0x72
    return payload[:4] == b"\xfeSMB" and Header.decode(payload).command <= c.SMB2_SESSION_SETUP


@dataclass
class StandIn:
    """An acceptor that gives the captured verdicts, after ours has read the token."""

    real: Acceptor
    verdicts: list[int]
    complete: bool = False
    session_key: bytes = bytes(16)
    account: Account = field(default_factory=lambda: Account("captured", bytes(16), 1000))
    mechanism: str = "captured"
    client: ClientNames = field(default_factory=ClientNames)
    is_anonymous: bool = False

    def initial_token(self) -> bytes:
        return initial_token()

    def step(self, token: bytes) -> bytes:
        verdict = self.verdicts.pop(0)
        if verdict == erref.STATUS_MORE_PROCESSING_REQUIRED:
            return self.real.step(token)
        if NTLM in token:
            with pytest.raises(LogonRefused) as caught:
                self.real.step(token)
            assert caught.value.status == erref.STATUS_LOGON_FAILURE, caught.value
        if verdict:
            raise LogonRefused("captured", "none", status=verdict)
        self.complete = True
        return b""


class Replay:
    """One captured client in front of our core."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.harness = Harness()
        verdicts = [
            e.answered.status
            for e in exchanges
            if e.answered.command == c.SMB2_SESSION_SETUP and not e.binds
        ]
        core = self.harness.core
        real = core.new_acceptor
        core.new_acceptor = lambda: StandIn(real(), verdicts)  # type: ignore[assignment, return-value, method-assign]
        self.client: Client = self.harness.connect()
        self.session_ids: dict[int, int] = {0: 0}

    def answer(self, exchange: Exchange) -> tuple[Header, Message]:
        """Send what the captured client sent, in our session; return our answer."""
        request = bytearray(exchange.request)
        if request[:4] == b"\xfeSMB" and not exchange.binds:
            theirs = int.from_bytes(request[40:48], "little")
            request[40:48] = self.session_ids[theirs].to_bytes(8, "little")
        self.client.link.send(len(request).to_bytes(4, "big") + bytes(request))
        self.harness.clock.advance(2.0)
        assert not is_dropped(self.client), transport_of(self.client).reason
        frame = self.client.link.receive()
        assert frame is not None
        header = Header.decode(frame, 4)
        self.session_ids[exchange.answered.session_id] = header.session_id
        return header, decode_response(header, frame[4:])


CAPTURES = [pytest.param(path, id=path.name) for path in files()] or [
    pytest.param(None, marks=pytest.mark.skip(reason="no captures: set NETHOOD_CAPTURES"))
]


@pytest.mark.parametrize("path", CAPTURES)
def test_captured_clients_get_the_answers_they_got(path: Path) -> None:
    for exchanges in openings(path):
        replay = Replay(exchanges)
        for exchange in exchanges:
            header, body = replay.answer(exchange)
            compare(exchange, header, body)
            if exchange.binds:
                break


def compare(exchange: Exchange, header: Header, body: Message) -> None:
    """Our answer is of the kind and status of the captured server's."""
    captured = exchange.answered
    assert header.command == captured.command
    assert header.message_id == captured.message_id
    assert header.credits > 0
    if exchange.binds:
        assert header.status in NOT_FOR_US
        return
    assert erref.status_name(header.status) == erref.status_name(captured.status)
    assert type(body) is type(exchange.body)
    if isinstance(body, NegotiateResponse):
        compare_negotiate(exchange, body)
    else:
        assert bool(header.session_id) == bool(captured.session_id)


def compare_negotiate(exchange: Exchange, body: NegotiateResponse) -> None:
    """The dialect is theirs, or a higher one that the client offers and theirs does not speak."""
    theirs = exchange.body
    assert isinstance(theirs, NegotiateResponse)
    asked = exchange.asked
    if isinstance(asked, NegotiateRequest):
        assert body.dialect_revision == max(set(asked.dialects) & set(DIALECTS))
    assert body.dialect_revision >= theirs.dialect_revision
    if theirs.dialect_revision in (c.DIALECT_3_1_1, c.DIALECT_WILDCARD):
        assert body.dialect_revision == theirs.dialect_revision
    ours = {context.context_type for context in body.contexts}
    assert ours >= {context.context_type for context in theirs.contexts}


@pytest.mark.skipif(not files(), reason="no captures: set NETHOOD_CAPTURES")
def test_the_captures_hold_what_they_are_known_to_hold() -> None:
    """Were nothing found in them, the test above would prove nothing."""
    found = [exchanges for path in files() for exchanges in openings(path)]
    assert len(found) == 18
    statuses = [e.answered.status for exchanges in found for e in exchanges if not e.binds]
    assert statuses.count(erref.STATUS_MORE_PROCESSING_REQUIRED) == 10
    from_smb1 = [exchanges for exchanges in found if exchanges[0].request[:4] == b"\xffSMB"]
    assert len(from_smb1) == 6
    dialects = {
        e.body.dialect_revision for (e, *_) in found if isinstance(e.body, NegotiateResponse)
    }
    assert dialects == {0x0202, 0x02FF, 0x0300, 0x0311}
