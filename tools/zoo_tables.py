"""Write model_zoo/README.md from model_zoo/numbers.yaml and the shipped archs.

python tools/zoo_tables.py           # write
python tools/zoo_tables.py --check   # exit 2 if the page is not what would be written
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scalenas.cli import main_of
from scalenas.errors import UserError
from scalenas.visualization.zoo_page import PAGE, zoo_page


def main() -> None:
    """Generate, then write or compare."""
    parser = argparse.ArgumentParser(description='Generate the tables of the model zoo.')
    parser.add_argument('--check', action='store_true', help='compare only, write nothing')
    args = parser.parse_args()
    path, text = Path(__file__).resolve().parents[1] / PAGE, zoo_page()
    if not args.check:
        path.write_text(text, encoding='utf-8')
        print(f'wrote {PAGE}')
    elif not path.exists() or path.read_text(encoding='utf-8') != text:
        raise UserError(f'{PAGE} is out of date; run python tools/zoo_tables.py')


if __name__ == '__main__':
    main_of(main)
