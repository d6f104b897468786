"""Write model_zoo/README.md, model-index.yml and its metafiles, from the zoo and the configs.

python tools/zoo_tables.py           # write
python tools/zoo_tables.py --check   # exit 2 if a file is not what would be written
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# Of the repository, which is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from projects.zoo.model_index import model_index
from projects.zoo.zoo_page import PAGE, zoo_page
from scalenas.cli import main_of
from scalenas.errors import UserError
from scalenas.staging import write_whole


def main() -> None:
    """Generate, then write or compare."""
    parser = argparse.ArgumentParser(description='Generate the tables of the model zoo.')
    parser.add_argument('--check', action='store_true', help='compare only, write nothing')
    args = parser.parse_args()
    top = Path(__file__).resolve().parents[1]
    for name, text in {PAGE: zoo_page(), **model_index()}.items():
        path = top / name
        if not args.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
            print(f'wrote {name}')
        elif not path.exists() or path.read_text(encoding='utf-8') != text:
            raise UserError('is out of date', where=name, hint='run python tools/zoo_tables.py')


if __name__ == '__main__':
    main_of(main)
