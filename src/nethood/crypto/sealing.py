"""Encryption of SMB3 messages: the transform header and what follows it.

[MS-SMB2] 2.2.41 and 3.1.4.3. A Sealer holds one key, so a session has two: one per direction.
Both ways work in place where the buffer lets them.
"""

from __future__ import annotations

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from nethood.crypto.ids import AES_128_CCM, AES_256_CCM, CIPHER_KEY_SIZES
from nethood.errors import LocalError, Malformed, ProtocolViolation
from nethood.wire import Buffer

TRANSFORM_HEADER_SIZE = 52
TRANSFORM_PROTOCOL_ID = b"\xfdSMB"
TAG_SIZE = 16
_FLAG_ENCRYPTED = 1
_NONCE_OFFSET = 20
_LARGE = 256 * 1024
_FORGED = "an encrypted message does not authenticate"
_SHIFT = TRANSFORM_HEADER_SIZE - TAG_SIZE

# Nonce (a counter, then zeros), OriginalMessageSize, Reserved, Flags, SessionId: what is
# authenticated besides the message.
_AUTHENTICATED = struct.Struct("<QQIHHQ")
_SIZE_FLAGS_SESSION = struct.Struct("<I2xHQ")
_SIZE_OFFSET = 36


def transform_session_id(frame: Buffer) -> int:
    """Return the SessionId of a transformed frame, having checked its header.

    Raises Malformed when the header is cut short or its size field disagrees with the frame;
    ProtocolViolation when it is not marked as encrypted.
    """
    if len(frame) < TRANSFORM_HEADER_SIZE or frame[:4] != TRANSFORM_PROTOCOL_ID:
        raise Malformed("TRANSFORM_HEADER", "is cut short or has a wrong ProtocolId")
    size, flags, session_id = _SIZE_FLAGS_SESSION.unpack_from(frame, _SIZE_OFFSET)
    if size != len(frame) - TRANSFORM_HEADER_SIZE:
        problem = f"OriginalMessageSize is {size}, {len(frame) - TRANSFORM_HEADER_SIZE} follow"
        raise Malformed("TRANSFORM_HEADER", problem, _SIZE_OFFSET)
    if flags != _FLAG_ENCRYPTED:
        raise ProtocolViolation(f"transform header has Flags {flags:#06x}, expected 0x0001")
    return int(session_id)


class Sealer:
    """Encrypts, or decrypts, the messages of one session in one direction."""

    __slots__ = ("_aead", "_block_cipher", "_nonce_size")

    def __init__(self, cipher: int, key: bytes) -> None:
        """Prepare *key* for *cipher*, a numeric id of [MS-SMB2] 2.2.3.1.2. Raises LocalError."""
        if CIPHER_KEY_SIZES.get(cipher) != len(key):
            raise LocalError(f"cipher {cipher} is unknown or not made for a {len(key)}-byte key")
        self._aead: AESCCM | AESGCM
        self._block_cipher: AES | None
        if cipher in (AES_128_CCM, AES_256_CCM):
            self._aead, self._nonce_size = AESCCM(key), 11
            self._block_cipher = None
        else:
            self._aead, self._nonce_size = AESGCM(key), 12
            self._block_cipher = AES(key)

    def seal_into(
        self, buffer: bytearray, start: int, end: int, session_id: int, nonce_counter: int
    ) -> None:
        """Encrypt the message ``buffer[start:end]`` in place, its transform header before it.

        The header takes the 52 bytes before *start*: send ``buffer[start - 52:end]``. Without a
        copy where the buffer goes on for 16 bytes after *end* (they come back as they were).
        *nonce_counter* must never repeat for one key, on whatever channel. Raises LocalError.
        """
        head = start - TRANSFORM_HEADER_SIZE
        if head < 0 or end <= start or end > len(buffer):
            raise LocalError("a message to encrypt needs 52 bytes before it, and content")
        aad = _AUTHENTICATED.pack(nonce_counter, 0, end - start, 0, _FLAG_ENCRYPTED, session_id)
        nonce = aad[: self._nonce_size]
        after = end + TAG_SIZE
        with memoryview(buffer) as view:
            if after <= len(buffer):
                room = view[end:after]
                kept = bytes(room)
                self._aead.encrypt_into(nonce, view[start:end], aad, view[start:after])
                tag = bytes(room)
                room[:] = kept
            else:
                sealed = self._aead.encrypt(nonce, view[start:end], aad)
                view[start:end] = memoryview(sealed)[:-TAG_SIZE]
                tag = sealed[-TAG_SIZE:]
            view[head:start] = TRANSFORM_PROTOCOL_ID + tag + aad

    def seal(self, message: Buffer, session_id: int, nonce_counter: int) -> bytearray:
        """Return *message* encrypted behind its transform header: for messages not on hot paths."""
        end = TRANSFORM_HEADER_SIZE + len(message)
        buffer = bytearray(end + TAG_SIZE)
        buffer[TRANSFORM_HEADER_SIZE:end] = message
        self.seal_into(buffer, TRANSFORM_HEADER_SIZE, end, session_id, nonce_counter)
        del buffer[end:]
        return buffer

    def open(self, frame: Buffer) -> memoryview:
        """Return the message inside *frame*, transform header and ciphertext, decrypted.

        A writable frame is used up: the message is a view of it, decrypted in place. Raises
        Malformed on wrong sizes, ProtocolViolation when the tag is wrong (then disconnect).
        """
        transform_session_id(frame)
        view = memoryview(frame)
        if view.readonly:
            view = memoryview(bytearray(view))
        nonce = view[_NONCE_OFFSET : _NONCE_OFFSET + self._nonce_size].tobytes()
        aad = view[_NONCE_OFFSET:TRANSFORM_HEADER_SIZE].tobytes()
        tag = view[4:_NONCE_OFFSET].tobytes()
        if self._block_cipher is not None and len(view) >= _LARGE:
            return _open_large(self._block_cipher, nonce, aad, tag, view[TRANSFORM_HEADER_SIZE:])
        # The cipher wants its tag behind the text. Moving the text down over the header, which is
        # spent now, is cheap where the text is small; a new buffer of that size costs more.
        end = len(view) - TAG_SIZE
        view[_SHIFT:end] = view[TRANSFORM_HEADER_SIZE:]
        view[end:] = tag
        message = view[_SHIFT:end]
        try:
            self._aead.decrypt_into(nonce, view[_SHIFT:], aad, message)
        except InvalidTag:
            raise ProtocolViolation(_FORGED) from None
        return message


def _open_large(
    cipher: AES, nonce: bytes, aad: bytes, tag: bytes, message: memoryview
) -> memoryview:
    """Decrypt in place with a context of its own: dearer to make, and nothing has to be moved."""
    decryptor = Cipher(cipher, modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(aad)
    decryptor.update_into(message, message)
    try:
        decryptor.finalize()
    except InvalidTag:
        raise ProtocolViolation(_FORGED) from None
    return message
