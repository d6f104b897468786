"""What can be wrong with an export, as far as the user can fix it."""

from scalenas.errors import UserError


class ExportError(UserError):
    """A choice, a proof or a file that stops an export: one line."""
