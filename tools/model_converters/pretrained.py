"""Convert weights that timm or an OpenMMLab package trained for a backbone of this package.

pretrained.py mmpretrain CHECKPOINT OUT --arch efficientnet_b0
pretrained.py timm       CHECKPOINT OUT --arch regnety_4.0gf
pretrained.py timm-tf    CHECKPOINT OUT --arch efficientnet_b0    for tf_efficientnet_b0

timm's own: torch.save(timm.create_model(NAME, pretrained=True).state_dict(), CHECKPOINT)
OUT fits a model of the package (of timm: an mmpretrain classifier) with the printed backbone, its
head included.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scalenas import __version__
from scalenas.arch import find
from scalenas.cli import main_of
from scalenas.export.text import as_config
from scalenas.models.checkpoint import load_checkpoint, save_plain
from scalenas.models.pretrained import backbone_for, caveat, from_source, sources
from scalenas.paths import new_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', choices=sources(), help='who trained it')
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path, help='must not exist')
    parser.add_argument('--arch', required=True, help='zoo name or YAML file of the network')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    out, arch = new_file(args.out), find(args.arch)
    state = load_checkpoint(args.checkpoint)['state_dict']
    converted = from_source(state, arch, args.source, str(args.checkpoint))
    save_plain(out, converted, {'scalenas': {'arch': arch.to_dict(), 'version': __version__}})
    start = {'type': 'Pretrained', 'checkpoint': str(out), 'prefix': 'backbone.'}
    config = {**backbone_for(arch, args.source), 'arch': args.arch, 'init_cfg': start}
    about = '; '.join(filter(None, [f'{out}: {len(converted)} keys', caveat(arch, args.source)]))
    print(as_config({'backbone': config}, about), end='')


if __name__ == '__main__':
    main_of(main)
