#!/usr/bin/env python
"""Test a checkpoint; of a supernet, the sub-net that --arch names."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('test')
