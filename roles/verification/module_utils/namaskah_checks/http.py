"""What does an address answer to a GET? One request, one complete answer, or the reason why there is none."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .outcome import CheckFailed
from .stream import Address, Stream

MAX_BODY = 64 * 1024 * 1024
CHUNK = 64 * 1024
SHOWN = 200
AGENT = "namaskah-deploy verification"


@dataclass(frozen=True)
class Answer:
    """A complete answer; header names are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    def start(self) -> str:
        """The first words of the body, on one line, as a reason shows them."""
        text = " ".join(self.body[: SHOWN * 4].decode("utf-8", "replace").split())
        cut = text[:SHOWN] + ("…" if len(text) > SHOWN else "")
        return f"body begins {cut!r}" if cut else "the body is empty"

    def json(self) -> Any:
        """The body as JSON. Raises CheckFailed."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise CheckFailed(f"answered {self.status}, but the body is no JSON ({error}); {self.start()}") from error


def request_bytes(address: Address, path: str, headers: Mapping[str, str]) -> bytes:
    """The bytes of a GET. Raises CheckFailed when a name or value would break out of its line."""
    fields = {"Host": address.name, "User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
    for name, value in (("path", path), *fields.items()):
        if re.search(r"[\r\n\0]", f"{name}{value}") or not name:
            raise CheckFailed(f"{name!r}: a line break is not allowed here; mend the check in the inventory")
    if not path.startswith("/") or " " in path:
        raise CheckFailed(f"path {path!r} does not begin with / or has a space; mend the check in the inventory")
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("utf-8")


def fetch(address: Address, path: str, headers: Mapping[str, str], seconds: float) -> Answer:
    """GET `path` and read the answer to its last byte within `seconds`. Raises CheckFailed with the reason."""
    with explained(address), Stream(address, seconds) as stream:
        stream.send(request_bytes(address, path, {"Connection": "close", **headers}))
        response = read_head(stream)
        return Answer(response.status, response.reason, lower(response), _read_body(response))


def read_head(stream: Stream) -> http.client.HTTPResponse:
    """Read the status line and headers of an answer to a GET."""
    response = http.client.HTTPResponse(stream, method="GET")  # type: ignore[arg-type]
    response.begin()
    return response


def lower(response: http.client.HTTPResponse) -> dict[str, str]:
    """The headers by their names in lower case; repeated ones joined."""
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _read_body(response: http.client.HTTPResponse) -> bytes:
    body = b""
    while piece := response.read(CHUNK):
        body += piece
        if len(body) > MAX_BODY:
            raise CheckFailed(f"the body is larger than {MAX_BODY // 1024 // 1024} MiB")
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Turn what the network raises into one sentence with the address."""
    try:
        yield
    except CheckFailed:
        raise
    except http.client.IncompleteRead as error:
        missing = "" if error.expected is None else f", {error.expected} bytes more were announced"
        raise CheckFailed(f"{address}: the answer was cut off after {len(error.partial)} bytes{missing}") from error
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
        raise CheckFailed(f"{address}: closed the connection without an answer") from error
    except http.client.HTTPException as error:
        raise CheckFailed(f"{address}: does not speak HTTP ({type(error).__name__}: {str(error)[:SHOWN]})") from error
    except TimeoutError as error:
        raise CheckFailed(f"{address}: {error}") from error
    except ssl.SSLCertVerificationError as error:
        raise CheckFailed(
            f"{address}: the certificate is not valid for {address.name}: {error.verify_message}"
        ) from error
    except ssl.SSLError as error:
        raise CheckFailed(f"{address}: does not speak TLS as it should ({error.reason or error})") from error
    except OSError as error:
        raise CheckFailed(f"{address}: cannot connect ({error.strerror or error})") from error
