"""What the repository shows and builds with the package: not part of what is installed."""
