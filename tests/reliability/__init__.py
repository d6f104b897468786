"""What survives kills, a server that stops and a full disk.

`python -m tests.reliability NAME` runs the module NAME of this folder, which has a `main(argv)`;
it prints rows of a table of docs/reliability.md.
"""
