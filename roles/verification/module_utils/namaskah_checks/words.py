"""What did the operator ask for? The checks of the inventory, read into types; a wrong word is named with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from .outcome import CheckFailed

RELEASE = "{release}"
T = TypeVar("T", bound="HttpWords | WebSocketWords")


@dataclass(frozen=True)
class HttpWords:
    """One entry of `verification_http`. `{release}` in `contains`, `json` and `answer_headers` is the live release."""

    name: str
    path: str
    status: int = 200
    contains: str = ""
    json: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    answer_headers: dict[str, str] = field(default_factory=dict)
    host: str = ""


@dataclass(frozen=True)
class WebSocketWords:
    """One entry of `verification_websockets`.

    `status` is the wanted answer to the handshake (101, or what a stranger gets). `message` is sent when it is not
    empty; among the next `replies` messages of the server one must contain `expect` and, as JSON, have `expect_json`.
    `close` is the code with which the server is expected to close at once (0 = it must stay open).
    """

    name: str
    path: str
    status: int = 101
    ping: bool = True
    message: str = field(default="", repr=False)
    expect: str = ""
    expect_json: dict[str, Any] = field(default_factory=dict)
    replies: int = 1
    close: int = 0
    subprotocols: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    host: str = ""


def read_http(entries: Any) -> list[HttpWords]:
    """Read `verification_http`. Raises CheckFailed."""
    return [_read(HttpWords, "verification_http", number, entry) for number, entry in enumerate(_listed(entries))]


def read_websockets(entries: Any) -> list[WebSocketWords]:
    """Read `verification_websockets`; a message written as a mapping is sent as JSON. Raises CheckFailed."""
    name = "verification_websockets"
    read = [_read(WebSocketWords, name, number, _flat(entry)) for number, entry in enumerate(_listed(entries))]
    for words in read:
        if (words.expect or words.expect_json) and words.replies < 1:
            raise CheckFailed(f"{name}: {words.name}: replies must be 1 or more where a reply is expected")
    return read


def with_release(value: Any, release: str) -> Any:
    """`value` with every `{release}` in its strings replaced."""
    if isinstance(value, str):
        return value.replace(RELEASE, release)
    if isinstance(value, Mapping):
        return {key: with_release(item, release) for key, item in value.items()}
    return value


def difference(wanted: Mapping[str, Any], got: Any, *, show: bool = True) -> str:
    """The first key in which the JSON object `got` differs from the subset `wanted`; "" when all agree."""
    if not isinstance(got, Mapping):
        return f"a JSON object was expected, not {type(got).__name__}"
    for key, value in wanted.items():
        if key not in got:
            return f"the key {key!r} is missing"
        if isinstance(value, Mapping):
            inner = difference(value, got[key], show=show)
            if inner:
                return f"in {key!r}: {inner}"
        elif got[key] != value:
            return f"{key!r} is {got[key]!r}, not {value!r}" if show else f"{key!r} is not as expected"
    return ""


def _flat(entry: Any) -> Any:
    if isinstance(entry, Mapping) and isinstance(entry.get("message"), (Mapping, list)):
        return {**entry, "message": json.dumps(entry["message"])}
    return entry


def _listed(entries: Any) -> list[Any]:
    if not isinstance(entries, list):
        raise CheckFailed(f"a list of checks was expected, not {type(entries).__name__}")
    return entries


def _read(kind: type[T], variable: str, number: int, entry: Any) -> T:
    where = f"{variable}, entry {number + 1}"
    if not isinstance(entry, Mapping):
        raise CheckFailed(f"{where}: a mapping with name and path was expected")
    known = {known.name: known for known in fields(kind)}
    for word in entry:
        if word not in known:
            raise CheckFailed(f"{where}: unknown word {word!r}; known are {', '.join(sorted(known))}")
    for word in ("name", "path"):
        if not isinstance(entry.get(word), str) or not entry[word]:
            raise CheckFailed(f"{where}: {word} is missing")
    for word, value in entry.items():
        _check_type(f"{where}: {word}", str(known[word].type), value)
    return kind(**entry)


def _check_type(where: str, wanted: str, value: Any) -> None:
    """Compare a value with an annotation, which is a string here; values are never shown, they may be secret."""
    plain = {"str": str, "int": int, "bool": bool}.get(wanted) or (list if wanted.startswith("list") else dict)
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise CheckFailed(f"{where}: {plain.__name__} expected, not {type(value).__name__}")
    inner: Any = {"dict[str, str]": dict.values, "list[str]": list}.get(wanted, lambda _: ())
    if not all(isinstance(item, str) for item in inner(value)):
        raise CheckFailed(f"{where}: its values must be text")
