"""What was paid, and by which release was it executed?"""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The tables of this application."""


class Payment(Base):
    """A payment that was asked for under a key; the key makes a repetition harmless."""

    __tablename__ = "payments"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(100), unique=True)
    # In minor units (kobo, cents): whole numbers cannot be rounded.
    amount: Mapped[int] = mapped_column(BigInteger)
    entry: Mapped["Entry"] = relationship(back_populates="payment")


class Entry(Base):
    """The execution of a payment. One to one: the database itself refuses a second one."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"), unique=True)
    release: Mapped[str] = mapped_column(String(100))
    executed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    payment: Mapped[Payment] = relationship(back_populates="entry")
