"""The one error of setting up."""


class SetupError(Exception):
    """What is wrong and what to do, in one line."""
