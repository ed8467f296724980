"""Is a job run once, and one that cannot be run given up?"""
# ruff: noqa: PT009  Django's runner runs this, and these assertions show both sides there

import os
from unittest import mock

from jobs.models import Job
from jobs.queue import run_next

from tests.api import ApiCase


class Jobs(ApiCase):
    def run_all(self):
        while run_next():
            pass

    @mock.patch.dict(os.environ, {"NAMASKAH_RELEASE": "r7"})
    def test_a_payment_leaves_a_receipt_that_names_the_release(self):
        self.post("/api/payments", {"amount": 5, "idempotency_key": "k"})
        self.post("/api/jobs", {"kind": "note"})
        self.run_all()
        found = self.get("/api/jobs")
        self.assertEqual((found["pending"], found["done"]), (0, 2))
        self.assertEqual([(run["kind"], run["release"]) for run in found["runs"]], [("note", "r7"), ("receipt", "r7")])

    def test_a_job_that_fails_is_tried_three_times_and_its_reason_kept(self):
        job = Job.objects.create(kind="receipt", subject=404)
        self.run_all()
        job.refresh_from_db()
        self.assertEqual((job.attempts, job.done_at, job.error), (3, None, "there is no payment 404"))
