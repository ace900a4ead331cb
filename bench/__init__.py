"""Benchmarks: ``python -m bench`` from the repository's root. Results, with machine and date, are in ``results/``."""
