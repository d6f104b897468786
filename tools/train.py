#!/usr/bin/env python
"""Train what a config describes: a teacher, a supernet, or any net of the mm packages."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('train')
