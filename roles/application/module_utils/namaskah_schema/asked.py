"""Answers for a release with its own interpreter: runs a preset's program there and gives its answer as one document.

It stands alone. The document goes to a descriptor of its own: what settings, migrations or libraries print meanwhile
goes where it always goes, and is no part of it. Whoever asks starts it by `python -`, with this source and a call of
`respond` at its end.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

LONGEST = 2000  # characters of an error
PROGRAM = "the preset's program"


def respond(program: str, descriptor: int, request: dict[str, Any]) -> None:
    """Run `program`, whose `answer(request)` gives the document; write it, or why there is none, and end."""
    os.set_inheritable(descriptor, False)  # what the application starts has no part in it
    process = os.getpid()
    try:
        names: dict[str, Any] = {"__name__": "answers"}
        exec(compile(program, PROGRAM, "exec"), names)  # noqa: S102 - our own, by standard input
        text = json.dumps(names["answer"](request))
    except BaseException as error:  # noqa: BLE001 - code of others: whatever it is, whoever asked wants to hear it
        text = json.dumps({"error": _told(error)})
    if os.getpid() == process:
        with os.fdopen(descriptor, "w") as document:
            document.write(text)
    # Threads that the application has started, and what it does at its exit, are not waited for.
    os._exit(0)


def _told(error: BaseException) -> str:
    """Return an error and what caused it in words, with the place in the application's own code."""
    words: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(words) < 3:  # noqa: PLR2004 - beyond that it is history
        name = "the application ended itself" if isinstance(cause, SystemExit) else type(cause).__name__
        words.append(f"{name}: {cause}".strip(": ") + _place(cause))
        cause = cause.__cause__
    return "; caused by ".join(words)[:LONGEST]


def _place(error: BaseException) -> str:
    """Return where the application's own code raised it; "" where that was somebody else's."""
    here = str(Path.cwd()) + os.sep
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = str(Path.cwd() / frame.filename)
        if frame.filename == PROGRAM:
            break
        if file.startswith(here) and not file.startswith(sys.prefix + os.sep) and Path(file).exists():
            return f" ({file[len(here) :]}, line {frame.lineno})"
    return ""
