"""How is a supervisord asked? By XML-RPC over the socket that its own configuration names for `supervisorctl`.

Source: https://supervisord.org/api.html
"""

from __future__ import annotations

import configparser
import http.client
import os
import xml.parsers.expat
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from .bounded import BoundedConnection

BAD_NAME, ALREADY_STARTED, NOT_RUNNING = 10, 60, 70  # supervisor.xmlrpc.Faults
DEFAULT = "http://localhost:9001"  # what supervisorctl takes where no serverurl is given


class UnansweredError(Exception):
    """Nobody answered; the text says why."""


class FaultError(Exception):
    """Supervisor's refusal: `code` is one of its Faults, `text` its words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _Transport(xmlrpc.client.Transport):
    """HTTP to a unix socket ("" = to the address in the URL), with a bound on every answer."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__()
        self.path = path
        self.timeout = timeout

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Return the connection; the name and password of `host` become headers."""
        address, self._extra_headers, _ = self.get_host_info(host)
        connection = BoundedConnection(address, self.timeout, path=self.path)
        self._connection = host, connection  # what close() closes
        return connection


def call(config: str, verb: str, words: Sequence[Any], timeout: float) -> Any:
    """Call `supervisor.<verb>` within `timeout` seconds.

    Raises FaultError when supervisor refuses, UnansweredError when nobody answers.
    """
    url, path = _address(config)
    try:
        with xmlrpc.client.ServerProxy(url, transport=_Transport(path, timeout)) as server:
            return getattr(server.supervisor, verb)(*words)
    except xmlrpc.client.Fault as fault:
        raise FaultError(fault.faultCode, fault.faultString) from None
    except xmlrpc.client.ProtocolError as error:
        raise UnansweredError(f"{path or url.rpartition('@')[2]} answered {error.errcode} {error.errmsg}") from None
    except (OSError, http.client.HTTPException, xmlrpc.client.Error, xml.parsers.expat.ExpatError, ValueError) as error:
        raise UnansweredError(f"{path or url.rpartition('@')[2]}: {type(error).__name__}: {error}") from None


def _address(config: str) -> tuple[str, str]:
    """Return the URL to call and the socket's path ("" where the URL is an address). Raises UnansweredError."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, inline_comment_prefixes=(";",))
    try:
        with Path(config).open(encoding="utf-8") as file:
            parser.read_file(file)
        section = parser["supervisorctl"]
        known = {"here": str(Path(config).resolve().parent), **{f"ENV_{name}": os.environ[name] for name in os.environ}}
        server = section.get("serverurl", DEFAULT) % known
        user, password = (section.get(name, "") % known for name in ("username", "password"))
    except (OSError, configparser.Error, KeyError, TypeError, ValueError) as error:
        # The parser's own words may quote a line, and a line may be the password.
        raise UnansweredError(f"[supervisorctl] of {config} cannot be read: {type(error).__name__}") from None
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    parts = urlsplit(server)
    if parts.scheme == "unix":
        return f"http://{login}localhost/RPC2", parts.path
    return f"http://{login}{parts.netloc}/RPC2", ""
