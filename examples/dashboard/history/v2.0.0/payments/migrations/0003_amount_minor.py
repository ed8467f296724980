"""The unit in the name. Code before this release fails on the new name: a breaking change that can be reversed."""

from django.db import migrations


class Migration(migrations.Migration):
    """Renames payments_payment.amount."""

    dependencies = [("payments", "0002_payment_note")]

    operations = [
        migrations.RenameField("payment", "amount", "amount_minor"),
    ]
