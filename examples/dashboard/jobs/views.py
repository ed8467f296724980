"""What waits, what was run by whom, and which workers lived?"""

from common.api import RefusedError, api, body, field
from django.http import HttpRequest, HttpResponse, JsonResponse

from jobs.models import Job, JobRun, WorkerSession

KINDS = {"note"}


@api("GET", "POST")
def jobs(request: HttpRequest) -> HttpResponse:
    """List the latest runs, or leave a job for the worker: {"kind": "note"}."""
    if request.method == "POST":
        kind = field(body(request), "kind", str)
        if kind not in KINDS:
            raise RefusedError(400, f"'kind' must be one of: {', '.join(sorted(KINDS))}")
        return JsonResponse({"id": Job.objects.create(kind=kind).pk}, status=202)
    runs = JobRun.objects.select_related("job").order_by("-pk")[:200]
    rows = [{"id": run.job.pk, "kind": run.job.kind, "release": run.release, "ran_at": run.ran_at} for run in runs]
    return JsonResponse({"pending": Job.pending().count(), "done": JobRun.objects.count(), "runs": rows})


@api("GET")
def workers(request: HttpRequest) -> HttpResponse:
    """List worker processes, latest first."""
    columns = ("release", "instance", "pid", "started_at", "seen_at", "ended_at")
    return JsonResponse({"workers": list(WorkerSession.objects.order_by("-pk").values(*columns)[:100])})
