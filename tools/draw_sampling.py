"""Draw what a super-supernet is trained on: macs of sampled paths, hierarchical beside uniform.

python tools/draw_sampling.py scalenet --out figure3.png
python tools/draw_sampling.py scalenet_half --eta size --out figure9.png
"""

from __future__ import annotations

import argparse
import time

from scalenas.arch import ClassificationHead, parse_head
from scalenas.arch.strict import as_fraction
from scalenas.cli import main_of
from scalenas.errors import UserError
from scalenas.sampling import parse_eta
from scalenas.sampling.mbconv_many import draw_many, macs_of_samplings, many_macs
from scalenas.search import StageBudgets
from scalenas.space import ScaledSpace, base_macs, named
from scalenas.visualization.draw_samples import draw_sampling, sampling_table


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'space', choices=('scalenet', 'scalenet_half', 'scalenet_released'), help='of the paper'
    )
    parser.add_argument('--out', required=True, metavar='FILE', help='the figure')
    parser.add_argument('--num', type=int, default=750_000, help='paths of each (default 750,000)')
    parser.add_argument('--num-base', type=int, default=100_000, help='base nets for f_0')
    parser.add_argument('--eta', default='equal', help='equal, size, released, or 1,4,5,7')
    parser.add_argument('--tolerance', type=float, default=0.1, help='of a budget (default 0.1)')
    parser.add_argument('--head', default='cls:1000', help='cls:N or none')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Sample, draw, print."""
    args = parse_args()
    start = time.perf_counter(), time.process_time()
    space, head = named(args.space), parse_head(args.head)
    assert isinstance(space, ScaledSpace)
    if not isinstance(head, ClassificationHead | None):
        raise UserError(where='--head', got=args.head, allowed='cls:NUMBER (of classes) or none')
    bases = many_macs(space.base, draw_many(space.base, args.num_base, args.seed), head)
    f_0, num_stages = base_macs(bases.mean()), len(space.stages)
    budgets = StageBudgets(f_0, 2.0, as_fraction(args.tolerance, '--tolerance'))
    samples = macs_of_samplings(space, args.num, args.seed, parse_eta(args.eta), head)
    draw_sampling(samples, [budgets.target(j) for j in range(num_stages)], args.out)
    print(f'base nets: mean {bases.mean() / 1e6:,.1f} M macs, so f_0 = {f_0 / 1e6:,.0f} M')
    print(sampling_table(samples, budgets, num_stages))
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    print(f'wrote {args.out} in {seconds[0]:.1f} s ({seconds[1]:.1f} s of one core)')


if __name__ == '__main__':
    main_of(main)
