"""What can be wrong with a training that its config does not show."""

from scalenas.errors import UserError


class TrainingError(UserError):
    """A run that cannot go on."""
