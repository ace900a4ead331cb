"""Benchmarks, run from the repository's root: ``python -m bench`` for the main ones, ``python -m bench.fps`` for one.

How to read what they write into ``results/``: ``README.md`` beside this file.
"""
