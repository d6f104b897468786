#!/usr/bin/env python
"""Search a trained supernet. Give the same command again to continue, or to add a worker."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('search')
