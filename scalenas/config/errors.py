"""What can be wrong with what a run is asked to be: its config, or the data that it names."""

from scalenas.errors import UserError


class ConfigError(UserError):
    """A config, or an option of a tool, that makes no run."""


class DataError(UserError):
    """Data that is not where the config says."""
