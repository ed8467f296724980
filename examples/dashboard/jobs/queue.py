"""How is a job run exactly once? Its row is locked, and its effect and its end are one transaction."""

import logging
import os

from dashboard.identity import identity
from django.db import connection, transaction
from django.utils import timezone
from payments.models import Payment

from jobs.models import Job, JobRun

log = logging.getLogger("worker")


def run_next() -> bool:
    """Run the oldest pending job; return whether there was one."""
    with transaction.atomic():
        # SQLite locks the whole database instead, so there is nothing to skip.
        skip = connection.features.has_select_for_update_skip_locked
        job = Job.pending().select_for_update(skip_locked=skip).first()
        if job is None:
            return False
        try:
            with transaction.atomic():
                work(job)
        except (LookupError, ValueError) as error:
            give_back(job, error)
        else:
            job.done_at = timezone.now()
            job.save(update_fields=["done_at"])
    return True


def work(job: Job) -> None:
    """Do what the job asks for and leave its trace; raises LookupError or ValueError when it cannot be done."""
    if job.kind == "receipt":
        write_receipt(job)
    elif job.kind != "note":
        raise ValueError(f"unknown kind of job '{job.kind}'")
    who = identity()
    JobRun.objects.create(job=job, release=who["release"], instance=who["instance"], pid=os.getpid())


def write_receipt(job: Job) -> None:
    """Write the receipt of a payment; raises LookupError when there is no such payment."""
    payment = Payment.objects.filter(pk=job.subject).first()
    if payment is None:
        raise LookupError(f"there is no payment {job.subject}")
    log.info("receipt for payment %s (%s)", payment.pk, payment.idempotency_key)


def give_back(job: Job, error: Exception) -> None:
    """Count the failed attempt and keep its reason."""
    log.warning("job %s failed: %s", job.pk, error)
    job.attempts += 1
    job.error = str(error)
    job.save(update_fields=["attempts", "error"])
