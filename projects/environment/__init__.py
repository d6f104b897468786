"""The environment that tools/bootstrap.py makes; only the standard library exists by then."""
