"""Which scripts may speak for which user?"""

import hashlib
import secrets

from django.contrib.auth.models import User
from django.db import models


class ApiToken(models.Model):
    """A user's token for scripts. Only its hash is kept, so a stolen dump opens nothing."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    @classmethod
    def issue(cls, user: User) -> str:
        """Create a token and return it; it cannot be read again."""
        token = secrets.token_urlsafe(32)
        cls.objects.create(user=user, digest=digest_of(token))
        return token

    @classmethod
    def owner(cls, token: str) -> str | None:
        """Return the name of the active user that the token stands for, if there is one."""
        found = cls.objects.filter(digest=digest_of(token), user__is_active=True).select_related("user").first()
        return found.user.get_username() if found else None


def digest_of(token: str) -> str:
    """Return what is stored of a token. It is long and random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
