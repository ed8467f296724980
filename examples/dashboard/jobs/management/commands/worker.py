"""How does the service beside the web run? It takes jobs one after another until SIGTERM or SIGINT."""

import logging
import signal
import threading
from typing import Any

from dashboard.identity import identity
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection
from django.utils import timezone

from jobs.models import WorkerSession
from jobs.queue import run_next

log = logging.getLogger("worker")


class Command(BaseCommand):
    """Runs jobs; a job that has begun is finished before the process ends."""

    help = "Run jobs from the table until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how often to look for work."""
        parser.add_argument("--poll", type=float, default=0.5, help="seconds to wait when there is no job")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal asks for the end."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        who = identity()
        session = WorkerSession.objects.create(release=who["release"], instance=who["instance"], pid=who["pid"])
        log.info("worker of release %(release)s started, pid %(pid)s", who)
        while not stop.is_set():
            self.turn(session, stop, options["poll"])
        session.ended_at = timezone.now()
        session.save()
        log.info("worker of release %(release)s ended, pid %(pid)s", who)

    def turn(self, session: WorkerSession, stop: threading.Event, poll: float) -> None:
        """Run what waits; outlive a database that is away for a while."""
        try:
            session.save()
            while not stop.is_set() and run_next():
                pass
        except Error as error:
            log.warning("the database does not answer, trying again: %s", error)
            connection.close()
        stop.wait(poll)
