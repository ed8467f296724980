"""How is HAProxy asked and told? By its admin socket (management guide, section 9.3, Unix Socket commands)."""

from __future__ import annotations

import csv
import io
import re
import socket
from dataclasses import dataclass

from ansible.module_utils.namaskah_host.bounded import BoundedSocket
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import brief, lines

from .view import View

NAME = re.compile(r"[A-Za-z0-9_.:-]+")  # all that HAProxy allows in a name; a space or `;` would begin other words
RUNNING = "2"  # SRV_ST_RUNNING, srv_op_state of `show servers state`
IN_SERVICE = "0"  # no flag of maintenance or drain, srv_admin_state
ANSWERED_BADLY = ("L7STS", "L7RSP", "L7TOUT")  # check_status: the health check had an answer, or waited for one
SECONDS = 5  # for one answer


@dataclass(frozen=True)
class HAProxy:
    """One server of one backend, behind the socket at `path`."""

    path: str
    backend: str
    server: str

    def see(self) -> View:
        """Return state, health and sessions of the server. Raises Failure, also where HAProxy says something else."""
        try:
            return self._seen()
        except (KeyError, ValueError, csv.Error) as error:
            why = f"it was to tell of each server in columns, and {type(error).__name__} {brief(str(error))} came"
            raise self._failure("failed", why, "ask it by hand: echo 'show stat' | socat - the socket") from None

    def _seen(self) -> View:
        states = {row["srv_name"]: row for row in self._table("show servers state", skip_version=True)}
        shown = {row["svname"]: row for row in self._stat()}
        if self.server not in states or self.server not in shown:
            raise self._failure(
                "refused",
                f"it knows no server {self.server!r} in a backend {self.backend!r}"
                + (f"; there: {', '.join(sorted(states))}" if states else ""),
                "correct balancer_backend or balancer_server in the inventory, or haproxy.cfg",
            )
        row = shown[self.server]
        if row["status"] == "no check":
            raise self._failure(
                "refused",
                f"it does not check the health of {self.server}, so it cannot show that the host is well",
                "write `check` behind the server's address in haproxy.cfg, and reload it",
            )
        used = {line["bkname/svname"]: line for line in self._table("show servers conn")}
        in_use = int(used.get(f"{self.backend}/{self.server}", {}).get("used_cur", 0))
        wanted = states[self.server]["srv_admin_state"] == IN_SERVICE
        return View(
            wanted=wanted,
            healthy=wanted and states[self.server]["srv_op_state"] == RUNNING,
            sessions=max(int(row["scur"] or 0) + int(row["qcur"] or 0), in_use),
            others=sum(_serves(state) for name, state in states.items() if name != self.server),
            words=" ".join(part for part in (row["status"], row["check_status"], row["last_chk"]) if part),
            faulty=row["check_status"].lstrip("* ") in ANSWERED_BADLY,
        )

    def take_out(self) -> None:
        """Drain: health checks go on, new requests go elsewhere."""
        self._tell(f"set server {self.backend}/{self.server} state drain")

    def put_back(self) -> None:
        """Make the server ready."""
        self._tell(f"set server {self.backend}/{self.server} state ready")

    def _stat(self) -> list[dict[str, str]]:
        text = self._ask("show stat").removeprefix("# ")
        return [row for row in csv.DictReader(io.StringIO(text, newline="\n")) if row.get("pxname") == self.backend]

    def _table(self, command: str, *, skip_version: bool = False) -> list[dict[str, str]]:
        """Return the rows of an answer whose columns are named in a line that begins with `#`."""
        told = lines(self._ask(f"{command} {self.backend}"))[int(skip_version) :]
        heads = next((line.removeprefix("# ").split() for line in told if line.startswith("# ")), [])
        rows = [line.split() for line in told if line and not line.startswith("#")]
        return [dict(zip(heads, row, strict=False)) for row in rows if len(row) > 1 and heads]

    def _tell(self, command: str) -> None:
        answer = self._ask(command).strip()
        if answer:
            raise self._failure(
                "failed", f"`{command}` was answered: {brief(answer)}", "the socket needs `level admin` in haproxy.cfg"
            )

    def _ask(self, command: str) -> str:
        if not NAME.fullmatch(self.backend) or not NAME.fullmatch(self.server):
            raise self._failure(
                "refused",
                f"{self.backend!r} or {self.server!r} is no name of a backend or server",
                "correct balancer_backend or balancer_server in the inventory",
            )
        try:
            with BoundedSocket(socket.AF_UNIX, SECONDS) as connection:
                connection.connect(self.path)
                connection.sendall(f"{command}\n".encode())
                return _all_of(connection)
        except OSError as error:
            raise self._failure(
                "failed",
                f"its socket does not answer: {error.strerror or error}",
                f"see that HAProxy runs and has `stats socket {self.path} mode 660 level admin group ...` with a "
                "group of the deploy user (docs/guides/balancer.md)",
            ) from None

    def _failure(self, kind: str, why: str, next_step: str) -> Failure:
        return Failure(kind, "ask HAProxy", self.path, why, next_step)


def _serves(state: dict[str, str]) -> bool:
    return state["srv_admin_state"] == IN_SERVICE and state["srv_op_state"] == RUNNING


def _all_of(connection: socket.socket) -> str:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts).decode(errors="replace")
