"""Clients of other projects, about to log in.

Each has `first` and `second`, which return its tokens, `last`, which checks our last answer, and
then `session_key`.
"""

from __future__ import annotations

import warnings

import spnego
from smb import ntlm as pysmb_ntlm
from smb import securityblob

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from impacket import ntlm as impacket_ntlm
    from impacket import spnego as impacket_spnego


class Pyspnego:
    """pyspnego, in SPNEGO."""

    protocol = "negotiate"

    def __init__(self, user: str, password: str, domain: str = "") -> None:
        name = f"{domain}\\{user}" if domain else user
        self.context = spnego.client(name, password, hostname="srv", protocol=self.protocol)

    @property
    def session_key(self) -> bytes:
        return bytes(self.context.session_key)

    def first(self, hint: bytes) -> bytes:
        return bytes(self.context.step(hint))

    def second(self, answer: bytes) -> bytes:
        return bytes(self.context.step(answer))

    def last(self, answer: bytes) -> None:
        if answer:
            self.context.step(answer)
        assert self.context.complete


class PyspnegoRaw(Pyspnego):
    """pyspnego, NTLM alone."""

    protocol = "ntlm"

    def first(self, hint: bytes) -> bytes:
        return bytes(self.context.step())


class Impacket:
    """impacket, in SPNEGO, as its SMB connection does it."""

    signing = True

    def __init__(self, user: str, password: str, domain: str = "") -> None:
        self.credentials = (user, password, domain)
        self.session_key = b""
        self.type_1 = impacket_ntlm.getNTLMSSPType1("CLIENT", domain, self.signing)

    def first(self, hint: bytes) -> bytes:
        blob = impacket_spnego.SPNEGO_NegTokenInit()
        mechanism = "NTLMSSP - Microsoft NTLM Security Support Provider"
        blob["MechTypes"] = [impacket_spnego.TypesMech[mechanism]]
        blob["MechToken"] = self.type_1.getData()
        return bytes(blob.getData())

    def second(self, answer: bytes) -> bytes:
        challenge = impacket_spnego.SPNEGO_NegTokenResp(answer)["ResponseToken"]
        message, self.session_key = impacket_ntlm.getNTLMSSPType3(
            self.type_1, challenge, *self.credentials
        )
        blob = impacket_spnego.SPNEGO_NegTokenResp()
        blob["ResponseToken"] = message.getData()
        return bytes(blob.getData())

    def last(self, answer: bytes) -> None:
        assert impacket_spnego.SPNEGO_NegTokenResp(answer)["NegState"] == b"\0"


class ImpacketUnsigned(Impacket):
    """impacket without signing and key exchange."""

    signing = False


class Pysmb:
    """pysmb, in SPNEGO."""

    def __init__(self, user: str, password: str, domain: str = "") -> None:
        self.user, self.password, self.domain = user, password, domain
        self.session_key = b""

    def first(self, hint: bytes) -> bytes:
        message = pysmb_ntlm.generateNegotiateMessage()
        return bytes(securityblob.generateNegotiateSecurityBlob(message))

    def second(self, answer: bytes) -> bytes:
        _, token = securityblob.decodeChallengeSecurityBlob(answer)
        challenge, flags, info = pysmb_ntlm.decodeChallengeMessage(token)
        nt, lm, key = pysmb_ntlm.generateChallengeResponseV2(
            self.password, self.user, challenge, info, self.domain
        )
        message, self.session_key = pysmb_ntlm.generateAuthenticateMessage(
            flags, nt, lm, key, self.user, self.domain, "CLIENT"
        )
        return bytes(securityblob.generateAuthSecurityBlob(message))

    def last(self, answer: bytes) -> None:
        assert securityblob.decodeAuthResponseSecurityBlob(answer) == 0


PEERS = [Pyspnego, PyspnegoRaw, Impacket, ImpacketUnsigned, Pysmb]
