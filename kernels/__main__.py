"""``python -m hpsolver.kernels``: the kernels of a solver, and their native text as it was pasted together.

Without a name it lists the kernels that one frame builds, each with its fragments. With a name, such as ``sweep``, it
prints the text of that kernel; lines ``// ======== native/FOLDER/NAME.h`` mark where each fragment begins.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import warp as wp

from hpsolver import Solver, preconditioners, problems

from .building import BUILT

MARK = "// ======== native/"


def main(argv: Sequence[str] | None = None) -> int:
    """Lists or prints kernels. Returns 0, or 1 where no kernel has the name."""
    parser = argparse.ArgumentParser(prog="python -m hpsolver.kernels", description=__doc__)
    parser.add_argument("name", nargs="?", help="a kernel's name, without its module; none lists all")
    parser.add_argument("--preconditioner", default="schwarz", choices=preconditioners.NAMES, metavar="NAME")
    parser.add_argument("--shape", default="64x64", help="cells per axis, such as 64x64 or 16x16x16")
    parser.add_argument("--cuda", type=Path, metavar="FOLDER", help="also write the CUDA source and a cubin for sm_90")
    arguments = parser.parse_args(argv)

    shape = tuple(int(cells) for cells in arguments.shape.split("x"))
    solver = Solver(shape, preconditioner=arguments.preconditioner, device="cpu")
    solver.step(*problems.frame("bubbles", shape, seed=0))
    if arguments.name is None:
        for name, (_, text) in sorted(BUILT.items()):
            print(f"{name}: {', '.join(fragments(text)) or 'no fragment'}")
        return 0
    found = {name: built for name, built in BUILT.items() if name.rpartition(".")[2] == arguments.name}
    for name, (kernel, text) in found.items():
        print(f"// {name}\n{text}")
        if arguments.cuda is not None:
            wp.compile_aot_module(kernel.module, device=None, arch=[90], module_dir=arguments.cuda, use_ptx=False)
    if not found:
        names = sorted({name.rpartition(".")[2] for name in BUILT})
        print(f"no kernel is called {arguments.name!r} here; there are: {', '.join(names)}", file=sys.stderr)
    return 0 if found else 1


def fragments(text: str) -> list[str]:
    """Names of the fragments in a kernel's text, except the prelude."""
    marked = [line.removeprefix(MARK).removesuffix(".h") for line in text.splitlines() if line.startswith(MARK)]
    return [name for name in marked if name != "common/lanes"]


if __name__ == "__main__":
    sys.exit(main())
