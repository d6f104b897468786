"""Where the files that come with the package lie: in a checkout, or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def resource(relative: str) -> Path:
    """Path of a shipped file or folder, such as `model_zoo/archs`.

    Raises:
        FileNotFoundError: when the installation is incomplete.
    """
    for root in (_HERE.parent, _HERE / '.mim'):
        # A checkout is known by its setup.py: site-packages may hold a foreign `configs`.
        if (root / relative).exists() and (root.name == '.mim' or (root / 'setup.py').exists()):
            return root / relative
    raise FileNotFoundError(f'scalenas was installed without {relative}; install it again')
