"""Write one HTML file about searches: fronts, hypervolume, drawings, settings; needs no network.

scalenas report work_dirs/search_w16_earth-96x96
scalenas report work_dirs/a work_dirs/b --out both.html --reference teacher=teacher.json
scalenas report study.db --study-name a b --reference 'W18:mIoU=52.1,macs=240e6'
scalenas report work_dirs/search_w16_earth-96x96 --watch
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from scalenas.cli import add_imports
from scalenas.errors import UserError

DEFAULT_SECONDS = 10.0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'studies',
        nargs='+',
        metavar='STUDY',
        help='work dir of a search, folder of `scalenas init`, .db or .journal file, or URL',
    )
    parser.add_argument(
        '--study-name', nargs='+', default=[], metavar='NAME', help='in storages that hold several'
    )
    parser.add_argument(
        '--out', metavar='FILE', help='default: report.html in the work dir, or here'
    )
    parser.add_argument(
        '--reference',
        nargs='+',
        action='extend',
        default=[],
        metavar='POINT',
        help='to compare with: NAME=metrics.json, or NAME:mIoU=50.3,macs=219e6; both may be given',
    )
    parser.add_argument(
        '--watch',
        nargs='?',
        type=float,
        const=DEFAULT_SECONDS,
        metavar='SECONDS',
        help='write it again when there are new networks, until the search ends (default: 10)',
    )
    parser.add_argument(
        '--draw-all', action='store_true', help='networks off the front too: 0.3 s and 5 kB each'
    )
    add_imports(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    """Write the page; says where."""
    from scalenas.visualization.page import watch, write_page
    from scalenas.visualization.page_sources import studies_at

    if args.watch is not None and not 0.1 <= args.watch < 1e6:
        raise UserError(where='--watch', got=args.watch, allowed='seconds, at least 0.1')
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(message)s')
    studies = studies_at(args.studies, args.study_name)
    first = Path(args.studies[0])
    out = Path(args.out or (first / 'report.html' if first.is_dir() else 'report.html'))
    if args.watch is None:
        write_page(studies, out, args.reference, args.draw_all)
    elif watch(studies, out, args.reference, args.watch, draw_all=args.draw_all):
        print('the search has ended')
    print(f'{out}: {", ".join(study.name for study in studies)}')
