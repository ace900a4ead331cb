"""Takes every barrier out in turn, and says whether any frame of ``fibers`` changes.

python tests/fiber_barriers.py
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "kernels" / "native"
PROGRAM = Path(__file__).parent / "fibers.py"
ORDERS = ("up", "down")
BARRIER = re.compile(r"HP_(?:WARP_)?SYNC;")
FORMS_OF = {
    "multigrid": ("2D", "multigrid"),
    "geometric": ("3D", "multigrid"),
    "dilu": ("all", "dilu"),
    "basis": ("2D", "htp"),
    "tiles": ("2D", "paper's"),
    "transformer": ("2D", "paper's"),
    "windows": ("all", "dd_attention"),
    "nested": ("all", "schwarz nested", "schwarz dense nested"),
    "selection": ("2D solid open", "schwarz 8"),
    "krylov": ("all", "jacobi", "none"),
    "assembly": ("all", "jacobi"),
    "control": ("all", "jacobi"),
    "regions": ("all", "jacobi"),
    "connectivity": ("2D moving", "jacobi", "schwarz"),
    "constants": ("2D moving", "schwarz"),
    "diagonal": ("all", "jacobi"),
    "worlds": ("2D worlds", "jacobi"),
}
"""By folder of fragments: a case and the forms that run them. For other folders: all cases and ``schwarz`` forms."""


def barriers() -> list[str]:
    """Every barrier of the fragments, in the form that ``WITHOUT`` takes."""
    return [
        f"{path.relative_to(FOLDER).with_suffix('')}:{k}"
        for path in sorted(FOLDER.glob("*/*.h"))
        for k in range(len(BARRIER.findall(path.read_text())))
    ]


def mutate() -> None:
    def lines(order: str, case: str, form: str, *without: str) -> list[str]:
        command = [sys.executable, PROGRAM, order, case, form, *without]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return ["hangs"]
        return [line for line in done.stdout.splitlines() if line.startswith("{")]

    expected = functools.cache(lines)
    for barrier in barriers():
        case, *forms = FORMS_OF.get(barrier.split("/")[0], ("all", "schwarz"))
        runs = ((order, case, form) for order in ORDERS for form in forms)
        missed = any(lines(*run, barrier) != expected(*run) for run in runs)
        print("missed " if missed else "SURVIVES", barrier, flush=True)


if __name__ == "__main__":
    mutate()
