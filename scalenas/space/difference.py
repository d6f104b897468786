"""Where two plain descriptions first part, in words."""

from __future__ import annotations

from scalenas.errors import short


def _plain(value: object) -> str:
    return value if isinstance(value, str) and len(value) < 60 else short(value)


def first_difference(found: object, arch: object, where: str = 'its') -> str:
    """Where two plain descriptions first part: `its stages[2].stem is 5, the space has 4`."""
    if isinstance(found, dict) and isinstance(arch, dict) and found.keys() == arch.keys():
        pairs = [(f'{where}.{key}', found[key], arch[key]) for key in found]
    elif isinstance(found, list) and isinstance(arch, list) and len(found) == len(arch):
        pairs = [(f'{where}[{i}]', *pair) for i, pair in enumerate(zip(found, arch, strict=True))]
    else:
        place = where.replace('its.', 'its ', 1)
        return f'{place} is {_plain(arch)}, the space has {_plain(found)}'
    return next(first_difference(a, b, place) for place, a, b in pairs if a != b)
