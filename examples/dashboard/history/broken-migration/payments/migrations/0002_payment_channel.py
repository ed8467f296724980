"""A channel that may be missing: the good migration of this release."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds payments_payment.channel."""

    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.AddField("payment", "channel", models.CharField(max_length=20, null=True)),
    ]
