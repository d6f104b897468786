"""Checkpoints: read without running what is inside, written whole or not at all."""

from scalenas.errors import UserError


class CheckpointError(UserError):
    """A checkpoint that cannot be used: the message is one line for the user."""
