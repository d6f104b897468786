"""Kills at random moments, and whether anything is lost: each module prints a row of a table."""
