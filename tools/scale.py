#!/usr/bin/env python
"""Grow a network: by a strategy and a factor, into a budget, or by a published table."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('scale')
