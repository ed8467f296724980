"""What is said to an operator whose command cannot be carried out as it was given."""


class Refused(Exception):  # noqa: N818 - the command was refused; nothing went wrong in the program
    """A command that is refused before anything starts; nothing was changed anywhere.

    `what` was refused, `why`, and what to do `next`, each one sentence without a full stop.
    """

    def __init__(self, what: str, why: str = "", *, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        """All that is known, one fact a line."""
        lines = [self.what, self.why and f"  why:  {self.why}", self.next_step and f"  next: {self.next_step}"]
        return "\n".join(line for line in lines if line)
