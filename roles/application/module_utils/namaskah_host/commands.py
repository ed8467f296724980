"""How is a command run, so that it is bounded, leaves nothing behind and tells no secret?"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shlex
import signal
import subprocess
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import passwords
from .failure import Failure
from .foreign import brief, visible

SHOWN = 2000  # characters of a command's last output that an error carries
SECRET_LENGTH = 6  # shorter values of an environment file are words like `true`, not secrets


def conceal(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with every value of `variables`, and every password in a URL, replaced by ***.

    `variables` are those of the environment file that are secrets (Contract.secrets_of).
    """
    secrets = set(variables.values()).union(*map(passwords.found, variables.values()))
    shapes = {shape for secret in secrets if len(secret) >= SECRET_LENGTH for shape in _shapes(secret)}
    for shape in sorted(shapes, key=len, reverse=True):
        text = text.replace(shape, "***")
    return passwords.hidden(text)


def _shapes(secret: str) -> set[str]:
    """Return how programs print `secret`: as it is, quoted, escaped, in an address, in hexadecimal, in base64."""
    raw = secret.encode()
    shapes = {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        shlex.quote(secret).strip("'"),
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        raw.hex(),
    }
    for before in range(3):
        # Letters that also hold bits of what stands beside the secret are left out.
        encoded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        shapes.add(encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6])
    return {shape for shape in shapes if len(shape) >= SECRET_LENGTH}


def run(
    argv: Sequence[str],
    *,
    what: str,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    next_step: str = "read the output above, mend the cause, and release again",
    held: int | None = None,
    stdin: str = "",
    keep: Sequence[int] = (),
) -> str:
    """Run `argv` to its end and return what it printed; its whole process group dies with a time-out.

    What it says to standard error is no part of that: sudo, loaders and libraries warn there, and callers read what is
    returned. `held` is the descriptor of a lock that the command keeps, should the caller be killed (see workers.py);
    `stdin` is what it reads, and `keep` are further descriptors that it gets.

    Raises Failure (timeout, failed) with the end of both outputs, secrets concealed.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(*keep, *(() if held is None else (held,))),
        )
    except OSError as error:
        raise Failure("failed", what, argv[0], error.strerror or str(error), next_step) from None
    try:
        raw, said = process.communicate(stdin.encode() or None, timeout=timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        shown = _end_of(*process.communicate(), secrets or {})
        raise Failure("timeout", what, " ".join(argv[:3]), f"no end after {timeout:g} s\n{shown}", next_step) from None
    if process.returncode != 0:
        shown = _end_of(raw, said, secrets or {})
        raise Failure("failed", what, " ".join(argv[:3]), f"exit status {process.returncode}\n{shown}", next_step)
    return raw.decode(errors="replace")


def _end_of(out: bytes, err: bytes, secrets: Mapping[str, str]) -> str:
    """Return the last of what a program said, fit to be shown: its errors come last."""
    told = "\n".join(text.decode(errors="replace").strip() for text in (out, err) if text.strip())
    return visible(conceal(told, secrets)[-SHOWN:]).strip()


def parsed(output: str, *, what: str, program: str, next_step: str) -> Any:
    """Return the value of a program's output that has to be JSON. Raises Failure with what came instead.

    What stands in lines before is none of it: modules of PAM speak on the standard output of sudo.
    """
    document = max(output.rfind("\n["), output.rfind("\n{")) + 1
    for text in (output, output[document:]):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(text)
    raise _odd(output, "JSON", what, program, next_step)


def listed(output: str, names: Sequence[str], *, what: str, program: str, next_step: str) -> list[dict[str, Any]]:
    """Return the entries of a program's output, each of which has to have these names. Raises Failure like `parsed`."""
    found = parsed(output, what=what, program=program, next_step=next_step)
    if isinstance(found, list) and all(isinstance(one, dict) and one.keys() >= set(names) for one in found):
        return found
    raise _odd(output, f"a JSON list of entries with {', '.join(names)}", what, program, next_step)


def _odd(output: str, form: str, what: str, program: str, next_step: str) -> Failure:
    return Failure("failed", what, program, f"{program} was to print {form}, and printed {brief(output)!r}", next_step)
