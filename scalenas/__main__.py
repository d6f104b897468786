"""`python -m scalenas` is the command `scalenas`."""

from scalenas.commands import console

if __name__ == '__main__':
    console()
