"""What runs in the load's own process? `python -m tests.support.load.worker`: settings and commands in, JSON lines out.

The first line on standard input is the settings (by pipe, so that the token stands in no argument list and no file);
then `mark NAME` and `stop`. The end of the input means stop, too: a load never outlives the test that made it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys

from tests.support.load.engine import Run, run_load
from tests.support.load.settings import Settings

PROGRESS_INTERVAL = 0.5


def say(message: dict[str, object]) -> None:
    """One JSON line to the parent; a parent that is gone is no reason to fail."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return


async def _commands(reader: asyncio.StreamReader, run: Run, stop: asyncio.Event) -> None:
    while line := (await reader.readline()).decode().strip():
        if line == "stop":
            break
        if line.startswith("mark "):
            run.recorder.mark(line.removeprefix("mark "))
    stop.set()


async def _progress(run: Run) -> None:
    while True:
        say({"ready": run.ready, "progress": run.recorder.progress()})
        await asyncio.sleep(PROGRESS_INTERVAL if run.ready else 0.05)


async def work() -> None:
    """Run one load as the parent wants it, and hand the report back."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    settings = Settings.from_json((await reader.readline()).decode())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks: list[asyncio.Task[None]] = []

    def watch(run: Run) -> None:
        tasks.append(asyncio.create_task(_commands(reader, run, stop)))
        tasks.append(asyncio.create_task(_progress(run)))

    report = await run_load(settings, stop, watch)
    for task in tasks:
        task.cancel()
    say({"report": report.to_dict()})


if __name__ == "__main__":
    asyncio.run(work())
