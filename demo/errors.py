"""What can end the demo early, in words for the person who started it."""


class DemoError(Exception):
    """The demo cannot go on; the text says what failed and what to do next."""
