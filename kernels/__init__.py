"""Warp kernels of hpsolver, grouped by job; installed as ``hpsolver.kernels``.

Kernels are pure functions of arrays: no hidden state, fixed-order reductions, shapes in the docstrings.
"""
