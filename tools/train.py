#!/usr/bin/env python
"""Train what a config describes: a teacher, a supernet, or any net of the mm packages."""

from scalenas.cli import main_of


def main() -> None:
    """Parse, train."""
    from scalenas.training.launch import train
    from scalenas.training.options import train_parser

    train(train_parser().parse_args())


if __name__ == '__main__':
    main_of(main)
