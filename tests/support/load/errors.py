"""What can go wrong with one request, in words that a report can count."""

from __future__ import annotations

import errno
import ssl


class RequestError(Exception):
    """A request that did not get its full and right answer.

    `error` is a short fixed word (refused, reset, closed, short body, bad response, status, ...), `detail` says more,
    `body` is what had arrived of the answer's body.
    """

    def __init__(self, error: str, detail: str = "", status: int | None = None, body: bytes = b"") -> None:
        """Keep the parts apart, so that a report can group by `error`."""
        super().__init__(f"{error}: {detail}" if detail else error)
        self.error = error
        self.detail = detail
        self.status = status
        self.body = body

    @property
    def name(self) -> str:
        """Return the word under which a report counts it; with the status where that is the fault."""
        return f"{self.error} {self.status}" if self.status and self.error in ("status", "handshake") else self.error


class NoAnswerError(RequestError):
    """The connection ended before the first byte of an answer: the one case in which a browser asks again."""


# Shortage on this side: the load could not be made. It counts as failed, since nothing was proved, under its own name.
OWN_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM)


def from_os_error(error: OSError) -> RequestError:
    """Name an operating system's error on a connection."""
    if isinstance(error, ConnectionRefusedError):
        return RequestError("refused", str(error))
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
        return RequestError("reset", str(error))
    if isinstance(error, ssl.SSLError):
        return RequestError("tls", str(error))
    if error.errno in OWN_LIMITS:
        return RequestError("own limit", str(error))
    return RequestError("unreachable", str(error))
