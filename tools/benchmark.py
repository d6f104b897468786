#!/usr/bin/env python
"""Latency of networks in runtimes, timed against each other, and how far it can be trusted."""

from scalenas.commands import tool

if __name__ == '__main__':
    tool('benchmark')
