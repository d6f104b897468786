#!/usr/bin/env python
"""What a network is and costs: a table per stage, every layer, a drawing, milliseconds."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('info')
