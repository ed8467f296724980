"""What did the server answer? HTTP/1.1 requests and responses over a link, parsed strictly (RFC 9112)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.load.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.load.link import Link

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Response:
    """A complete answer. Header names are in lower case; `reusable` says whether its connection may be used again."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    reusable: bool


def build_request(
    method: str, path: str, *, host: str, headers: Mapping[str, str], body: bytes = b"", keep: bool = False
) -> bytes:
    """Return the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Connection: {'keep-alive' if keep else 'close'}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def read_response(link: Link) -> Response:
    """Read one answer to a GET or POST, to its last byte. Raises RequestError, NoAnswerError."""
    status, headers, version = await _read_head(link)
    while 100 <= status < 200:
        status, headers, version = await _read_head(link)
    body, framed = await _read_body(link, status, headers)
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    kept = "close" not in tokens if version == "HTTP/1.1" else "keep-alive" in tokens
    return Response(status, headers, body, framed and kept)


async def _read_head(link: Link) -> tuple[int, dict[str, str], str]:
    lines = (await link.until(b"\r\n\r\n", MAX_HEAD)).decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    code = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not (code.isascii() and code.isdigit() and len(code) == 3):
        raise RequestError("bad response", f"status line {lines[0][:80]!r}")
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise RequestError("bad response", f"header line {line[:80]!r}", int(code))
        key = name.lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return int(code), headers, version


async def _read_body(link: Link, status: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
    """Return the body, and whether its end was marked by something other than the connection's end."""
    if status in (204, 304):
        return b"", True
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise RequestError("bad response", f"transfer-encoding {headers['transfer-encoding']!r}", status)
        return await _read_chunks(link, status), True
    if "content-length" in headers:
        length = _length(headers["content-length"], status)
        return await _exactly(link, length, status, b""), True
    return await link.rest(MAX_BODY), False


def _length(text: str, status: int) -> int:
    values = {value.strip() for value in text.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit()) or int(value) > MAX_BODY:
        raise RequestError("bad response", f"content-length {text[:40]!r}", status)
    return int(value)


async def _exactly(link: Link, size: int, status: int, before: bytes) -> bytes:
    data = await link.take(size)
    if len(data) < size:
        ending = link.ending("", status=status)
        got = len(before) + len(data)
        how = "reset" if ending.error == "reset" else "close"
        detail = f"{got} of {len(before) + size} bytes, then {how}"
        raise RequestError("short body", detail, status, before + data)
    return data


async def _read_chunks(link: Link, status: int) -> bytes:
    body = bytearray()
    while True:
        size = await _chunk_size(link, status, bytes(body))
        if size == 0:
            break
        if len(body) + size > MAX_BODY:
            raise RequestError("bad response", f"body longer than {MAX_BODY} bytes", status)
        body += await _exactly(link, size, status, bytes(body))
        if await _exactly(link, 2, status, bytes(body)) != b"\r\n":
            raise RequestError("bad response", "a chunk is longer than it says", status, bytes(body))
    while await _line(link, status, bytes(body)):
        pass  # trailers
    return bytes(body)


async def _chunk_size(link: Link, status: int, before: bytes) -> int:
    digits = (await _line(link, status, before)).partition(b";")[0].strip()
    try:
        return int(digits, 16)
    except ValueError:
        raise RequestError("bad response", f"chunk size {digits[:40]!r}", status, before) from None


async def _line(link: Link, status: int, before: bytes) -> bytes:
    try:
        return (await link.until(b"\r\n", MAX_HEAD))[:-2]
    except RequestError as error:
        if error.error in ("closed", "reset"):
            detail = f"{len(before)} bytes of a chunked body without its end, then {error.error}"
            raise RequestError("short body", detail, status, before) from error
        raise
