"""How are payments made and looked at over the API?"""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from common.api import RefusedError, api, body, field
from common.metrics import PAYMENTS
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse, JsonResponse
from notifications.consumer import PAYMENTS_GROUP
from verification.models import Verification

from payments.execution import KeyConflictError, Order, Outcome, execute
from payments.models import LedgerEntry, Payment

LARGEST_AMOUNT = 10**12
PAGE = 10_000


@api("GET", "POST")
def payments(request: HttpRequest) -> HttpResponse:
    """List the latest payments, or make one: {"amount": 1250, "idempotency_key": "..."}."""
    if request.method == "GET":
        latest = LedgerEntry.objects.select_related("payment").order_by("-pk")[:50]
        return JsonResponse({"payments": [describe(entry.payment, entry) for entry in latest]})
    order = read_order(request)
    try:
        outcome = execute(order)
    except KeyConflictError as error:
        PAYMENTS.labels("conflict").inc()
        raise RefusedError(409, str(error)) from error
    return answer(outcome)


def read_order(request: HttpRequest) -> Order:
    """Return the order in the body, or refuse it."""
    values = body(request)
    amount = field(values, "amount", int)
    if not 1 <= amount <= LARGEST_AMOUNT:
        raise RefusedError(400, f"'amount' must be from 1 to {LARGEST_AMOUNT} minor units")
    return Order(field(values, "idempotency_key", str), amount, request.caller)  # type: ignore[attr-defined]


def answer(outcome: Outcome) -> HttpResponse:
    """Return the execution; a repetition gets the same body, and says in a header that it is one."""
    described = describe(outcome.payment, outcome.entry)
    PAYMENTS.labels("repeated" if outcome.repeated else "executed").inc()
    if not outcome.repeated:
        event = {"type": "payment.executed", "payment": described}
        async_to_sync(get_channel_layer().group_send)(PAYMENTS_GROUP, event)
    response = JsonResponse(described, status=200 if outcome.repeated else 201)
    response["Idempotent-Replayed"] = str(outcome.repeated).lower()
    return response


def describe(payment: Payment, entry: LedgerEntry) -> dict[str, object]:
    """Return a payment as the API shows it."""
    return {
        "id": payment.pk,
        "idempotency_key": payment.idempotency_key,
        "amount": payment.amount,
        "status": "executed",
        "release": entry.release,
        "executed_at": entry.executed_at.isoformat(),
    }


@api("GET")
def ledger(request: HttpRequest) -> HttpResponse:
    """List executed keys in order, `after` an entry's number, 10,000 at a time, for whoever compares them."""
    after = request.GET.get("after", "0")
    if not after.isdecimal():
        raise RefusedError(400, "'after' must be the number of an entry")
    rows = LedgerEntry.objects.filter(pk__gt=int(after)).select_related("payment").order_by("pk")[:PAGE]
    entries = [{"id": row.pk, "key": row.payment.idempotency_key, "release": row.release} for row in rows]
    return JsonResponse({"count": LedgerEntry.objects.count(), "entries": entries})


@api("GET")
def analytics(request: HttpRequest) -> HttpResponse:
    """Return what the analytics page shows, computed from the data."""
    executed = LedgerEntry.objects.all()
    days = executed.annotate(day=TruncDate("executed_at")).values("day").order_by("day")
    total = Payment.objects.aggregate(count=Count("pk"), amount=Sum("amount", default=0))
    sent = Verification.objects.count()
    return JsonResponse(
        {
            "payments": {"count": total["count"], "amount": int(total["amount"]), "executed": executed.count()},
            "days": list(days.annotate(count=Count("pk"), amount=Sum("payment__amount"))),
            "releases": list(executed.values("release").annotate(count=Count("pk")).order_by("release")),
            "verifications": {"sent": sent, "verified": Verification.objects.exclude(verified_at=None).count()},
        }
    )
