"""Rewrites a kernel around the same body, for many worlds (``worlds``) or for a part of its items (``parts``), or as a
function that a larger kernel calls (``programs``).

Only the line ``i = wp.tid()``, where a thread finds its place, and what stands before it change. So a thread computes
at its place, bit for bit, what the kernel itself computes there.
"""

import ast
import functools
import inspect
import linecache
import textwrap
from collections.abc import Callable, Sequence

import warp as wp

PLACES = (("_item",), ("_item", "_lane"), ("_x", "_y", "_z"))
"""Names of a thread's place: in a line of threads, in a block as a lane, or in a grid of three axes."""

Writer = Callable[[wp.Kernel], wp.Kernel]


class Variants:
    """Kernels rewritten by ``write``, each only once.

    All kernels of one of our modules are rewritten together: their new module would be compiled anew for each, and of
    two kernels with one name it keeps the later one.
    """

    def __init__(self, write: Writer):
        self._write = write
        self._of: dict[wp.Kernel, wp.Kernel] = {}

    def __call__(self, kernel: wp.Kernel) -> wp.Kernel:
        if kernel not in self._of:
            ours = kernel.module.name.startswith("hpsolver.")
            siblings = [*kernel.module.kernels.values(), kernel] if ours else [kernel]
            self._of.update({sibling: self._write(sibling) for sibling in siblings if sibling not in self._of})
        return self._of[kernel]


def body_of(kernel: wp.Kernel) -> tuple[tuple[str, ...], str]:
    """The names of a thread's place, one of ``PLACES``, and the kernel's text with these in place of ``wp.tid()``.

    Raises:
        ValueError: the kernel calls ``wp.tid()`` elsewhere than in a line of its own.
    """
    function = ast.parse(textwrap.dedent(inspect.getsource(kernel.func))).body[0]
    assert isinstance(function, ast.FunctionDef)
    place = _OwnPlace()
    text = ast.unparse(place.visit(ast.Module(function.body, [])))
    if "tid()" in text:
        raise ValueError(
            f"kernel {kernel.key}: to be written once more it needs a line 'i = wp.tid()', or 'i, j, k = wp.tid()'"
        )
    return place.names, text


@functools.cache
def kernel_name(kernel: wp.Kernel) -> str:
    """``GROUP.NAME``; the group is the name of its module without the configuration."""
    module: str = kernel.module.name.removeprefix("hpsolver.")
    return f"{module.split('_')[0]}.{kernel.key}"


@functools.cache
def place_of(kernel: wp.Kernel) -> tuple[str, ...]:
    """The names of a thread's place in the kernel, one of ``PLACES``."""
    return body_of(kernel)[0]


def write(
    kernel: wp.Kernel, variant: str, arguments: list[str], lines: list[str], names: dict[str, object]
) -> wp.Kernel:
    """The kernel with other ``arguments`` and ``lines``, in the module ``variant`` of the kernel's own module.

    Args:
        arguments, lines: source text.
        names: what these use by name, besides what the kernel's own body uses.
    """
    module = f"{kernel.module.name}.{variant}"
    scope = {**_used_by(kernel), **names}
    return write_kernel(kernel.func.__name__, module, arguments, lines, scope, kernel.options.get("cluster_dim", 1))


def write_kernel(
    name: str, module: str, arguments: list[str], lines: list[str], scope: dict[str, object], cluster_dim: int = 1
) -> wp.Kernel:
    """A kernel from source text, whose names are found in ``scope``."""
    options = {} if cluster_dim == 1 else {"cluster_dim": cluster_dim}
    return wp.kernel(_define(name, module, arguments, lines, scope), module=module, enable_backward=False, **options)


def as_function(kernel: wp.Kernel, name: str, module: str, types: Sequence[object]) -> wp.Function:
    """The kernel's body as a function of a thread's place and the kernel's arguments, for a kernel of ``module``."""
    place, text = body_of(kernel)
    labels = [argument.label for argument in kernel.adj.args]
    arguments = [*(f"{part}: wp.int32" for part in place), *(f"{label}: {label}_type" for label in labels)]
    scope = _used_by(kernel) | {f"{label}_type": kind for label, kind in zip(labels, types, strict=True)}
    return wp.func(_define(name, module, arguments, text.splitlines(), scope))


def _used_by(kernel: wp.Kernel) -> dict[str, object]:
    return {**kernel.func.__globals__, **inspect.getclosurevars(kernel.func).nonlocals}


def _define(
    name: str, module: str, arguments: list[str], lines: list[str], scope: dict[str, object]
) -> Callable[..., None]:
    source = "\n".join([f"def {name}({', '.join(arguments)}):", *(f"    {line}" for line in lines)])
    file = f"<{module}.{name}>"  # see building.block_kernel
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope = {**scope, "wp": wp, "__name__": module}
    exec(compile(source, file, "exec"), scope)
    function = scope[name]
    assert callable(function)
    return function


class _OwnPlace(ast.NodeTransformer):
    """Replaces ``wp.tid()`` by the variables of a thread's own place, ``names``, one of ``PLACES``."""

    names: tuple[str, ...] = PLACES[0]

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        call = node.value
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "wp.tid"):
            return node
        target = node.targets[0]
        mine = [ast.unparse(name) for name in (target.elts if isinstance(target, ast.Tuple) else [target])]
        self.names = next(names for names in PLACES if len(names) == len(mine))
        return [ast.parse(f"{name} = {place}").body[0] for name, place in zip(mine, self.names, strict=True)]
