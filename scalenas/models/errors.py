"""What is wrong with a checkpoint."""

from scalenas.errors import UserError


class CheckpointError(UserError):
    """A checkpoint that cannot be used: the message is one line for the user."""
