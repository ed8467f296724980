"""Which telephone numbers were asked to prove themselves, and did they?"""

from django.db import models

# After that many wrong codes a new message is needed: six digits can be guessed in a million tries.
MOST_ATTEMPTS = 5


class Verification(models.Model):
    """One code that was sent to one number."""

    phone = models.CharField(max_length=16)
    code = models.CharField(max_length=6)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True)

    @property
    def status(self) -> str:
        """Return sent, verified or blocked."""
        if self.verified_at:
            return "verified"
        return "blocked" if self.attempts >= MOST_ATTEMPTS else "sent"
