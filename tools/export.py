#!/usr/bin/env python
"""Export a sub-net of a supernet as an ordinary model: weights, config, proof of equality."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('export')
