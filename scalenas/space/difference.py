"""Where two plain descriptions first part."""

from __future__ import annotations


def first_difference(
    found: object, arch: object, where: str = 'arch'
) -> tuple[str, object, object]:
    """Where two plain descriptions first part, and both there: `arch.stages[2].stem`, 4, 5."""
    if isinstance(found, dict) and isinstance(arch, dict) and found.keys() == arch.keys():
        pairs = [(f'{where}.{key}', found[key], arch[key]) for key in found]
    elif isinstance(found, list) and isinstance(arch, list) and len(found) == len(arch):
        pairs = [(f'{where}[{i}]', *pair) for i, pair in enumerate(zip(found, arch, strict=True))]
    else:
        return where, found, arch
    return next(first_difference(a, b, place) for place, a, b in pairs if a != b)
