"""How does a fresh database get its first user? From SEED_USERNAME and SEED_PASSWORD; a second run changes nothing."""

import os
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Creates the user, or leaves an existing one as it is."""

    help = "Create the user SEED_USERNAME with the password SEED_PASSWORD, unless it exists."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run; the password comes by environment because arguments are visible to every user of the host."""
        name, password = os.environ.get("SEED_USERNAME", "demo"), os.environ.get("SEED_PASSWORD")
        if User.objects.filter(username=name).exists():
            self.stdout.write(f"user {name} exists")
            return
        if not password:
            raise CommandError("SEED_PASSWORD is not set: give the first user's password by environment")
        User.objects.create_user(name, password=password)
        self.stdout.write(f"user {name} created")
