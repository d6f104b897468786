"""The one kind of error that is the user's to fix: its message is a single line for them."""


class UserError(ValueError):
    """Names the value, what is allowed, where it stands and what to do; tools print it and exit."""
