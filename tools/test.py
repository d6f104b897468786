#!/usr/bin/env python
"""Test a checkpoint; of a supernet, the sub-net that --arch names."""

from scalenas.cli import main_of


def main() -> None:
    """Parse, test."""
    from scalenas.training.launch import test
    from scalenas.training.options import test_parser

    test(test_parser().parse_args())


if __name__ == '__main__':
    main_of(main)
