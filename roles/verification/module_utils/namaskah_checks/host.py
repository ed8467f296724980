"""Which checks are made where? On a host: its processes, sockets and front; for the public address: that address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.release import current

from .asking import http_check, websocket_check
from .outcome import Check, CheckFailed
from .static import StaticFiles, sample, static_check
from .stream import Address, parse_address
from .words import HttpWords, WebSocketWords, read_http, read_websockets

PUBLIC_STATIC = 40


@dataclass(frozen=True)
class Wanted:
    """What the inventory asks for, checked. Times are seconds; no address = none is asked."""

    contract: Contract
    where: str
    address: Address | None
    http: list[HttpWords]
    websockets: list[WebSocketWords]
    timeout: float
    patience: float


def read_wanted(parameters: Mapping[str, Any]) -> Wanted:
    """Read a module's parameters; `words` holds the checks as JSON, for they may carry secrets. Raises CheckFailed."""
    words = json.loads(parameters["words"])
    contract = Contract(parameters["contract"])
    public, url = parameters["where"] == "public", parameters["url"]
    name = parameters["name"] or ("" if public else contract.domain)
    http, websockets = read_http(words["http"]), read_websockets(words["websockets"])
    return Wanted(
        contract=contract,
        where="public" if public else "front",
        address=parse_address(url, name, parameters["ca_file"]) if url else None,
        http=http,
        websockets=websockets,
        timeout=parameters["timeout"],
        patience=parameters["patience"],
    )


def chosen_static(contract: Contract, bound: int, names: list[str]) -> StaticFiles | None:
    """Return the static files of the live release to be compared, None where it has none by contract."""
    if not contract.static_root:
        return None
    live = current(contract)
    if live is None:
        raise CheckFailed(f"{contract.current} names no release")
    try:
        manifest = json.loads((live.folder / ".namaskah" / "static.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckFailed(f"the list of static files of {live.id} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or not all(isinstance(sha256, str) for sha256 in manifest.values()):
        raise CheckFailed(f"the list of static files of {live.id} is no list of files with their hashes")
    return StaticFiles(contract.static_url, sample(manifest, bound, names, live.id), len(manifest))


def public_sample(static: StaticFiles | None, names: list[str], release: str) -> dict[str, Any]:
    """Return what the public address is asked of the host's static files: fewer, for each is a long way."""
    if static is None or not static.files:
        return {}
    return {"url": static.url, "files": sample(static.files, PUBLIC_STATIC, names, release), "total": static.total}


def address_checks(wanted: Wanted, static: StaticFiles | None, release: str) -> list[Check]:
    """Return the checks of the address; `release` stands for `{release}` in what is expected."""
    address = wanted.address
    if address is None:
        return []
    asked = (address, release, wanted.timeout, wanted.where)
    return [
        *(http_check(words, *asked) for words in wanted.http),
        *(websocket_check(words, *asked) for words in wanted.websockets),
        *([static_check(static, address, wanted.timeout, wanted.where)] if static else []),
    ]
