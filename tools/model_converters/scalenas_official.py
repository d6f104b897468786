"""Convert a supernet that the authors of ScaleNAS released, or write one in their names.

scalenas_official.py RELEASED OUT             for a SuperNet config: init_from, search, export
scalenas_official.py RELEASED OUT --arch scalenas_s1   for a static config: one network, with the
                                              supernet's statistics (tools/export.py: with its own)
scalenas_official.py OURS OUT --reverse       the released names
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scalenas import __version__
from scalenas.arch import find
from scalenas.cli import main_of
from scalenas.models.checkpoint import load_checkpoint, save_plain, written_space
from scalenas.models.hrnet_official import from_official, to_official
from scalenas.models.super_hrnet import slice_state_dict
from scalenas.paths import new_file
from scalenas.space import from_dict

WRAPPER = 'architecture.'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path, help='must not exist')
    either = parser.add_mutually_exclusive_group()
    either.add_argument('--arch', help='zoo name or YAML file of the one network to write')
    either.add_argument('--reverse', action='store_true', help='from our names to the released')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    new_file(args.out)
    content = load_checkpoint(args.checkpoint)
    state = content['state_dict']
    if args.reverse:
        space = from_dict(dict(written_space(content, args.checkpoint)))
        bare = {key.removeprefix(WRAPPER): value for key, value in state.items()}
        state = to_official(bare, space, str(args.checkpoint))
        meta: dict[str, object] = {}
    else:
        state, space = from_official(state, str(args.checkpoint))
        meta = {'scalenas': {'space': space.to_dict(), 'version': __version__}}
        if args.arch:
            arch = find(args.arch)
            state = slice_state_dict(state, space, arch)
            meta = {'scalenas': {'arch': arch.to_dict(), 'version': __version__}}
        else:
            state = {WRAPPER + key: value for key, value in state.items()}
    save_plain(args.out, state, meta)
    print(f'{args.out}: {len(state)} keys')


if __name__ == '__main__':
    main_of(main)
