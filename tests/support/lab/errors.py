"""What can go wrong in the lab, in words for the person who runs it."""


class LabError(Exception):
    """An operation of the lab failed; the text says what, where and what to do next."""


class LabUnavailableError(LabError):
    """This machine cannot carry a lab; the text names the missing capability."""
