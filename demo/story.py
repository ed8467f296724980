"""What does the demo show, in which order, and what must be true at each step?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo import command, hosts, inventory, places, postgres, processes, summary, traffic
from demo.command import CommandLine, Done
from demo.errors import DemoError
from demo.hosts import Host
from demo.leftovers import RECORD, clean_folder
from demo.places import CLONE, HOSTS, Places
from tests.support.load import Report

FIRST, SECOND, BROKEN = "v1.0.0", "v1.1.0", "broken-websocket"
DONE, RETURNED = 0, 3  # exit codes of the command line

Say = Callable[[str], None]


@dataclass
class Story:
    """What has happened so far."""

    database: str = ""
    steps: list[tuple[str, Done]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def add(self, title: str, done: Done, *, expected: int) -> None:
        """Take down a step; raises DemoError when it did not end as it must."""
        self.steps.append((title, done))
        if done.code != expected:
            raise DemoError(f"`{done.shown}` ended with exit code {done.code} instead of {expected}: {done.headline}")


def tell(say: Say, *, embedded: bool = False) -> int:
    """Run the demo in an empty folder and return its exit code; everything that it started has ended then."""
    with clean_folder() as folder, running(folder) as (stage, servers):
        story = Story()
        fleet = set_up(stage, servers, story, say, embedded=embedded)
        line = CommandLine(stage)
        try:
            release(line, fleet, story, say)
        finally:
            stage.summary.write_text(summary.text(story, stage, line))
            say(stage.summary.read_text())
    return 0 if summary.good(story) else 1


@contextmanager
def running(folder: Path) -> Iterator[tuple[Places, processes.Processes]]:
    """The places of a run and its servers, all of which end with the block."""
    stage = places.make(folder)
    servers = processes.Processes(folder / RECORD, stage.runtime)
    try:
        yield stage, servers
    finally:
        servers.end()
        places.remove_runtime(stage.runtime)


def set_up(stage: Places, servers: processes.Processes, story: Story, say: Say, *, embedded: bool) -> list[Host]:
    """Make what a release needs: a database, a git origin, two provisioned hosts, an inventory."""
    say("Starting a database, a git origin and two hosts")
    env = command.environment(stage)
    binaries = postgres.find_binaries(embedded=embedded)
    database = postgres.start(binaries, stage, servers, env)
    story.database = binaries.name
    history(stage.origin)
    fleet = hosts.lay_out(
        stage,
        HOSTS,
        hosts.settings(database.url("application")),
        {"DATABASE_URL": database.url("application_owner")},
    )
    services = inventory.write(stage, fleet, database)
    for host in fleet:
        hosts.start(host, services, stage.logs, servers, env)
        say(f"  {host.name}: {host.url}")
    return fleet


def history(origin: Path) -> None:
    """Build the sample's git history, with its tags."""
    built = subprocess.run(
        [sys.executable, CLONE / "examples" / "history.py", "dashboard", origin],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        raise DemoError(f"The sample's git history was not built: {built.stderr.strip()}")


def release(line: CommandLine, fleet: list[Host], story: Story, say: Say) -> None:
    """Release, release again, fail and return, roll back; from the first release on under load."""
    say(f"\n1. The first release: {FIRST}")
    story.add("first release", command.deploy(line, FIRST), expected=DONE)
    say("\nFrom here on clients use both hosts: HTTP, payments, static files and WebSockets.")
    load = traffic.start(fleet, hosts.token_of(fleet[0]))
    try:
        under_load(line, load, story, say)
    except DemoError:
        story.reports = load.stop()
        raise
    story.reports = load.stop()


def under_load(line: CommandLine, load: traffic.Traffic, story: Story, say: Say) -> None:
    """The steps that nobody who uses the application may notice."""
    say(f"\n2. The next version: {SECOND}")
    load.mark("second release")
    story.add("second release", command.deploy(line, SECOND), expected=DONE)
    say(f"\n3. A broken one: {BROKEN}, which starts well and refuses every WebSocket")
    load.mark("broken release")
    story.add("broken release", command.deploy(line, BROKEN), expected=RETURNED)
    say(f"\n4. Back to {FIRST} by its tag")
    load.mark("rollback")
    story.add("rollback by tag", command.rollback(line, FIRST), expected=DONE)
