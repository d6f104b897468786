"""What can be wrong with an evaluation, as far as the user can fix it."""

from scalenas.errors import UserError


class EvaluationError(UserError):
    """A config, a checkpoint or data that no sub-net can be evaluated with: one line."""
