#!/usr/bin/env python
"""From task to task: ready configs of other tasks around an exported net, weights loaded."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('transfer')
