"""What was paid, and by which release was it executed?"""

from django.db import models


class Payment(models.Model):
    """A payment that was asked for under a key; the key makes a repetition harmless."""

    idempotency_key = models.CharField(max_length=100, unique=True)
    # In minor units (kobo, cents): whole numbers cannot be rounded.
    amount = models.BigIntegerField()
    caller = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)


class LedgerEntry(models.Model):
    """The execution of a payment. One to one: the database itself refuses a second one."""

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT)
    release = models.CharField(max_length=100, blank=True)
    instance = models.CharField(max_length=50, blank=True)
    executed_at = models.DateTimeField(auto_now_add=True)
