"""Export a sub-net of a supernet as an ordinary model: weights, config, proof of equality.

scalenas export ARCH CHECKPOINT --config CONFIG    an arch: a name of the zoo, or a YAML file
scalenas export WORK_DIR                           the best net of a search, by its work dir
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from scalenas.cli import add_budget, add_cfg_options, add_imports, budget_of
from scalenas.errors import ConfigError, ExportError

if TYPE_CHECKING:
    from scalenas.export import Graphs
    from scalenas.search import Start

NAMES = ('size', 'device', 'standalone', 'prune', 'deploy', 'force')


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('source', help='zoo name, arch in YAML, or work dir of a search')
    parser.add_argument('checkpoint', nargs='?', help="of the supernet (default: the search's)")
    parser.add_argument('--config', help="of the supernet (default: the search's)")
    parser.add_argument('--out', default='exported', help='folder (default: %(default)s)')
    parser.add_argument('--name', help='of the files (default: the slot, or the name of the arch)')
    parser.add_argument(
        '--by', metavar='NAME', help='objective by which one is the best (default: the first)'
    )
    parser.add_argument('--index', type=int, help='which entry of the front, 0 first')
    add_budget(parser, 'the best net of the Pareto front within them')
    parser.add_argument(
        '--size', nargs=2, type=int, metavar=('H', 'W'), help="input of costs (default: search's)"
    )
    parser.add_argument('--standalone', action='store_true', help='also a single-file backbone')
    add_graphs(parser)
    parser.add_argument('--prune', action='store_true', help='drop what nothing reads')
    parser.add_argument(
        '--deploy', action='store_true', help='also for inference alone: norms folded, no training'
    )
    parser.add_argument('--device', help='cpu, cuda or cuda:N (default: as training, a GPU if any)')
    parser.add_argument('--force', action='store_true', help='overwrite; take other weights')
    add_cfg_options(parser, {})
    return parser


def add_graphs(parser: argparse.ArgumentParser) -> None:
    """The options of graphs."""
    group = parser.add_argument_group('graphs', 'compared with torch; see docs/deployment.md')
    group.add_argument('--onnx', action='store_true', help='NAME.onnx')
    group.add_argument('--openvino', action='store_true', help='NAME.xml and NAME.bin')
    group.add_argument(
        '--int8', action='store_true', help='NAME_int8.onnx, and its metrics in NAME.json'
    )
    group.add_argument(
        '--dynamic', nargs='+', default=[], metavar='AXIS', help='batch, height, width: free'
    )
    group.add_argument(
        '--onnx-output',
        default='raw',
        metavar='KIND',
        help="raw: of the heads; task: finished, as logits at the image's size; labels: of pixels",
    )
    group.add_argument(
        '--normalize',
        default='metadata',
        metavar='PLACE',
        help='metadata: mean and std stand there; inside: the graph takes images of 0 ... 255',
    )


def graphs_of(args: argparse.Namespace) -> Graphs:
    """What the options of graphs ask for."""
    from scalenas.deploy.task_graph import GraphForm
    from scalenas.export import Graphs

    form = GraphForm(args.onnx_output, tuple(args.dynamic), args.normalize)
    graphs = Graphs(args.onnx, args.openvino, args.int8, form)
    if form != GraphForm() and not graphs.any:
        raise ConfigError(
            'there is no graph that it could be said of',
            where='--dynamic, --onnx-output, --normalize',
            hint='add --onnx, --openvino or --int8',
        )
    return graphs


def start_of(source: str) -> Start:
    """How the search of which a network is exported was started.

    Raises:
        UserError: for an arch, or a search that does not say it.
    """
    from scalenas.export.choose import front_path, is_arch
    from scalenas.search import Start

    if is_arch(source):
        problem = 'is one arch: its checkpoint and --config are needed, and bounds are numbers'
        raise ExportError(problem, where=source, hint='only the work dir of a search knows its own')
    return Start.of_report(front_path(source).parent)


def main(args: argparse.Namespace) -> None:
    """Choose, slice, write, prove; what is not given is that of the search."""
    from scalenas.complexity import Cost
    from scalenas.config import read_config
    from scalenas.export import choose, export_subnet, recorded
    from scalenas.search import objectives_of

    source, config, settings = args.source, args.config, args.cfg_options
    if config is None:
        start = start_of(source)
        config, settings = start.file('config', source), {**start.cfg_options, **settings}
    checkpoint = args.checkpoint or start_of(source).file('checkpoint', source)
    budget = budget_of(args).of(lambda: Cost(start_of(source).largest))
    cfg = read_config(config, settings)
    search = {} if cfg.get('search') is None else cfg.search
    if not isinstance(search, dict):
        raise ConfigError(where='search', got=search, allowed='a table with objectives and size')
    choice = choose(source, args.by, args.index, budget, objectives_of(search))
    options = {name: getattr(args, name) for name in NAMES}
    options['graphs'] = graphs_of(args)
    options['command'] = recorded(args.form.format('export').removeprefix('python '), args.words)
    print(export_subnet(choice, cfg, checkpoint, args.out, args.name, **options))


def transfer_parser() -> argparse.ArgumentParser:
    """The command line of `scalenas transfer`."""
    parser = argparse.ArgumentParser(
        description='Ready configs of other tasks around an exported net, its weights loaded'
    )
    parser.add_argument('weights', help='NAME.pth of tools/export.py, or of a later training')
    parser.add_argument(
        'tasks', nargs='+', metavar='TASK', help='faster_rcnn, pose, ... (a wrong one lists all)'
    )
    parser.add_argument('--arch', help='YAML or zoo name (default: NAME.yaml beside the weights)')
    parser.add_argument('--out', help='folder (default: that of the weights)')
    parser.add_argument('--config', help="take the net into this config, not the task's recipe")
    parser.add_argument('--force', action='store_true', help='overwrite files of other content')
    add_imports(parser)
    return parser


def transfer(args: argparse.Namespace) -> None:
    """Read, write, say what and how to go on."""
    from scalenas.export import Source
    from scalenas.export import transfer as write_configs

    source = Source.from_file(args.weights, args.arch)
    files = write_configs(source, args.tasks, args.out, args.config, args.force)
    for path in files:
        print(f'wrote {path}')
    for path in files:
        if path.suffix == '.py':
            print(f'train it: {args.form.format("train")} {path}')
