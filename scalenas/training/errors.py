"""What can be wrong with a run: in its config, in its data, or in the training itself."""

from scalenas.errors import UserError


class ConfigError(UserError):
    """A config, or an option of a tool, that makes no run."""


class DataError(UserError):
    """Data that is not where the config says."""


class TrainingError(UserError):
    """A run that cannot go on."""
