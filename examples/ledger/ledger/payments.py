"""How is a payment executed exactly once, and how are executions read back?"""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from ledger.identity import identity
from ledger.models import Entry, Payment

PAGE = 10_000


class KeyConflictError(Exception):
    """The key was used before, for another payment."""


@dataclass(frozen=True)
class Order:
    """What the caller asked for."""

    key: str
    amount: int


def execute(engine: Engine, order: Order) -> tuple[dict[str, object], bool]:
    """Execute the order, or find its first execution; return the answer, and whether it is a repeated one."""
    wanted = {"idempotency_key": order.key, "amount": order.amount}
    # Two requests at once: one inserts, the other one waits for its end, inserts nothing, and reads the row.
    attempt = insert(Payment).values(**wanted).on_conflict_do_nothing().returning(Payment.id)
    with Session(engine) as session, session.begin():
        number = session.scalar(attempt)
        if number is not None:
            session.add(Entry(payment_id=number, release=str(identity()["release"])))
            session.flush()
        payment = session.scalars(
            select(Payment).where(Payment.idempotency_key == order.key).options(joinedload(Payment.entry))
        ).one()
        if payment.amount != order.amount:
            raise KeyConflictError(f"the key '{order.key}' stands for another payment")
        return describe(payment), number is None


def describe(payment: Payment) -> dict[str, object]:
    """Return a payment as the API shows it."""
    return {
        "id": payment.id,
        "idempotency_key": payment.idempotency_key,
        "amount": payment.amount,
        "status": "executed",
        "release": payment.entry.release,
        "executed_at": payment.entry.executed_at.isoformat(),
    }


def executed(engine: Engine, after: int) -> dict[str, object]:
    """Return executed keys in order, from an entry's number on, 10,000 at a time."""
    rows = select(Entry.id, Payment.idempotency_key, Entry.release).join(Payment).where(Entry.id > after)
    with Session(engine) as session:
        entries = [
            {"id": number, "key": key, "release": release}
            for number, key, release in session.execute(rows.order_by(Entry.id).limit(PAGE))
        ]
        return {"count": count(session), "entries": entries}


def count(session: Session) -> int:
    """Return how many payments were executed."""
    return session.scalar(select(func.count()).select_from(Entry)) or 0
