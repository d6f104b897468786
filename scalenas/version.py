"""The version of scalenas, read by setup.py without importing the package."""

__version__ = '0.1.0.dev0'


def parse_version_info(version: str) -> tuple[int | str, ...]:
    """`1.2.0.dev3` to (1, 2, 0, 'dev3')."""
    return tuple(int(part) if part.isdigit() else part for part in version.split('.'))


version_info = parse_version_info(__version__)
