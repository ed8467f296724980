"""A note that may be missing. Code that does not know the column goes on working."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds payments_payment.note."""

    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.AddField("payment", "note", models.CharField(max_length=200, null=True)),
    ]
