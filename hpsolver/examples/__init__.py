"""Runnable examples: `python -m hpsolver.examples.NAME`."""
