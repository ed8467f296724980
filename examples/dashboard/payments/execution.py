"""How is a payment executed exactly once, however often it is asked for?"""

from dataclasses import dataclass

from dashboard.identity import identity
from django.db import transaction
from jobs.models import Job

from payments.models import LedgerEntry, Payment


class KeyConflictError(Exception):
    """The key was used before, for another payment."""


@dataclass(frozen=True)
class Order:
    """What the caller asked for."""

    key: str
    amount: int
    caller: str


@dataclass(frozen=True)
class Outcome:
    """What was done: the payment, its execution, and whether it is the answer to a repetition."""

    payment: Payment
    entry: LedgerEntry
    repeated: bool


def execute(order: Order) -> Outcome:
    """Execute the order, or return the first execution under its key; raises KeyConflictError."""
    with transaction.atomic():
        # Two requests at once: the unique key lets one insert, the other one waits and then reads its row.
        payment, created = Payment.objects.get_or_create(
            idempotency_key=order.key, defaults={"amount": order.amount, "caller": order.caller}
        )
        if created:
            return Outcome(payment, record(payment), repeated=False)
    if (payment.amount, payment.caller) != (order.amount, order.caller):
        raise KeyConflictError(f"the key '{order.key}' stands for another payment")
    return Outcome(payment, payment.ledgerentry, repeated=True)


def record(payment: Payment) -> LedgerEntry:
    """Write the ledger and leave the receipt to the worker; part of the caller's transaction."""
    who = identity()
    Job.objects.create(kind="receipt", subject=payment.pk)
    return LedgerEntry.objects.create(payment=payment, release=who["release"], instance=who["instance"])
