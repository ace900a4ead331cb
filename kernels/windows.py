"""The near field with overlap: windows larger than the leaves, their matrices, and merging their solutions.

A window is a leaf with some layers of cells around it, in the order of its own box of L cells: ``cells`` [windows, L]
says which cells of the grid they are, -1 where the domain ends. A on these cells is banded as a leaf's matrix is, so
factors and dense roots are those of ``hpsolver.kernels.leaves``; a third form is of low rank, Q [windows, L, rank].
``weight`` [N] is D^1/2: one over the square root of the number of windows that hold the cell.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name
from .leaves import root

F64, I32 = array(wp.float64), array(wp.int32)


@functools.cache
def factorization(box: Shape, leaf_size: int, halfwidth: int, W: int, M: type) -> SimpleNamespace:
    """Setup kernels, in double precision. The factors of windows that no changed leaf touches are kept.

    ``find_touched``: windows that hold a cell of a changed leaf. Blocks: windows.
    ``factor``, banded: L D L^T of the windows' matrices. Blocks: groups of W.
    ``root``, dense, W = 1: G [windows, L, L] of the inverses G^T G, type M. Blocks: windows.
    """
    module = module_name("windows", box, leaf_size, W, *([M] if W == 1 else []))
    find_touched = block_kernel(
        module,
        "find_touched",
        body("windows/changes", shape=box, LEAF=leaf_size),
        cells=I32,
        changed=I32,
        touched=I32,
    )
    operator = {"leaves": wp.int32, "changed": I32, "members": I32, "cells": I32}
    operator |= {"pinned": array(wp.uint8), "conductance": F64, "diagonal": F64}
    if W > 1:
        text = body(
            "windows/rows",
            "leaves/group_changed",
            "leaves/band",
            "leaves/factor",
            shape=box,
            LEAF=leaf_size,
            BW=halfwidth,
            W=W,
        )
        factor = block_kernel(module, "factor_windows", text, **operator, factor=F64)
        return SimpleNamespace(find_touched=find_touched, factor=factor)
    made = root(module, "root_windows", "windows/rows", box, halfwidth, M, operator, LEAF=leaf_size)
    return SimpleNamespace(find_touched=find_touched, root=made)


@functools.cache
def solving(box: Shape, halfwidth: int, W: int, T: type, M: type, rank: int, dense: bool) -> wp.Kernel:
    """``native/windows/solve.h``. Blocks: groups of W windows (dense or of low rank: windows, W = 1).

    Args:
        T: type of the vectors and of the arithmetic.
        M: type that dense roots and low-rank factors are stored in.
        rank: of Q, a multiple of 8; 0 for the whole inverse.
    """
    form = f"rank{rank}" if rank else "dense" if dense else "banded"
    return block_kernel(
        module_name("window_solve", box, W, T, M, form),
        "solve_windows",
        body(
            *("leaves/substitute", "leaves/multiply_root", "windows/attend", "windows/solve"),
            **{"shape": box, "BW": halfwidth, "W": W, "T": T, "RANK": rank, "DENSE": dense and not rank},
        ),
        members=I32,
        cells=I32,
        factor=array(M if dense or rank else T),
        weight=array(T),
        r=array(T),
        solved=array(T),
    )


@functools.cache
def merging(shape: Shape, T: type, jacobi: bool) -> wp.Kernel:
    """y [N] from the windows' solutions, ``native/windows/merge.h``. Blocks: leaves."""
    return block_kernel(
        module_name("window_merge", shape, T, int(jacobi)),
        "merge_windows",
        body("windows/merge", shape=shape, T=T, JACOBI=jacobi),
        first=I32,
        place=I32,
        weight=array(T),
        solved=array(T),
        diagonal=array(T),
        r=array(T),
        y_=array(T),
    )
