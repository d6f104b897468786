"""scalenas."""
