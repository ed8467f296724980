"""How do messages become WebSocket frames and back? RFC 6455 section 5, the client's side of it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import IO

from .outcome import CheckFailed

MAX_CONTROL = 125
MAX_SHORT = 0xFFFF
MAX_FRAME = 16 * 1024 * 1024


class Opcode(IntEnum):
    """What a frame carries (RFC 6455 section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True)
class Frame:
    """One frame as the server sent it."""

    opcode: Opcode
    final: bool
    payload: bytes


def encode(opcode: Opcode, payload: bytes) -> bytes:
    """A final frame, masked as every client must (section 5.3)."""
    if len(payload) <= MAX_CONTROL:
        size = bytes([0x80 | len(payload)])
    elif len(payload) <= MAX_SHORT:
        size = struct.pack("!BH", 0x80 | 126, len(payload))
    else:
        size = struct.pack("!BQ", 0x80 | 127, len(payload))
    mask = os.urandom(4)
    return bytes([0x80 | opcode]) + size + mask + apply_mask(payload, mask)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Mask or unmask (section 5.3)."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


def read_frame(reader: IO[bytes]) -> Frame:
    """Read one frame of a server. Raises CheckFailed for what section 5 forbids a server, EOFError at the end."""
    first, second = _exactly(reader, 2)
    if first & 0x70:
        raise CheckFailed("the server set a reserved bit although no extension was agreed on")
    if second & 0x80:
        raise CheckFailed("the server masked a frame, which only a client may")
    try:
        opcode = Opcode(first & 0x0F)
    except ValueError as error:
        raise CheckFailed(f"the server sent a frame of the unknown kind {first & 0x0F}") from error
    final, length = bool(first & 0x80), second & 0x7F
    if opcode >= Opcode.CLOSE and (not final or length > MAX_CONTROL):
        raise CheckFailed(f"the server sent a {opcode.name.lower()} frame in pieces or longer than {MAX_CONTROL} bytes")
    return Frame(opcode, final, _exactly(reader, _length(reader, length)))


def _length(reader: IO[bytes], length: int) -> int:
    if length == 126:  # noqa: PLR2004 - the two marks of section 5.2
        (length,) = struct.unpack("!H", _exactly(reader, 2))
    elif length == 127:  # noqa: PLR2004
        (length,) = struct.unpack("!Q", _exactly(reader, 8))
    if length > MAX_FRAME:
        raise CheckFailed(f"the server sent a frame of {length} bytes; at most {MAX_FRAME} are read")
    return length


def _exactly(reader: IO[bytes], count: int) -> bytes:
    data = reader.read(count)
    if len(data) < count:
        raise EOFError
    return data
