"""The bad migration of this release: it reads a column that was never there."""

from django.db import migrations


class Migration(migrations.Migration):
    """Fails on every database."""

    dependencies = [("payments", "0002_payment_note")]

    operations = [
        migrations.RunSQL("UPDATE payments_payment SET note = terminal", migrations.RunSQL.noop),
    ]
