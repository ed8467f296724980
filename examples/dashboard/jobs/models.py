"""Which work waits for the worker, what was done by which release, and which workers were alive when?"""

from django.db import models


class Job(models.Model):
    """A piece of work; done when it has a run, given up when it failed too often."""

    kind = models.CharField(max_length=50)
    subject = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    MOST_ATTEMPTS = 3

    class Meta:
        indexes = [models.Index(fields=["id"], condition=models.Q(done_at=None), name="job_pending")]

    @classmethod
    def pending(cls) -> "models.QuerySet[Job]":
        """Return the jobs that a worker should take, oldest first."""
        return cls.objects.filter(done_at=None, attempts__lt=cls.MOST_ATTEMPTS).order_by("pk")


class JobRun(models.Model):
    """The effect of a job. One to one: the database itself refuses a second one."""

    job = models.OneToOneField(Job, on_delete=models.PROTECT)
    release = models.CharField(max_length=100, blank=True)
    instance = models.CharField(max_length=50, blank=True)
    pid = models.PositiveIntegerField()
    ran_at = models.DateTimeField(auto_now_add=True)


class WorkerSession(models.Model):
    """One worker process from its start to its end; two that overlap in time mean two workers at once."""

    release = models.CharField(max_length=100, blank=True)
    instance = models.CharField(max_length=50, blank=True)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now=True)
    ended_at = models.DateTimeField(null=True)
