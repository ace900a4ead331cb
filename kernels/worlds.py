"""Kernels over many worlds: each kernel of a frame once more, for arrays that hold one row per world.

A kernel of the frame knows one world. ``over_worlds`` writes another around the same body: its threads or blocks run
over worlds, ``items`` of them each; its arrays have one axis more, of which each world sees its own row; and it does
nothing in worlds that are not ``active``. So what a world computes is, bit for bit, what it computes alone.

``first`` [1] is the world that ``active`` [span] begins with: a launch spans all worlds, or a few at a time.
"""

import ast
import inspect
import linecache
import textwrap

import warp as wp

from .building import array, block_kernel, body

I32 = array(wp.int32)

_OVER: dict[wp.Kernel, wp.Kernel] = {}


def over_worlds(kernel: wp.Kernel) -> wp.Kernel:
    """The kernel over many worlds. Its arguments: first, active, items (threads or blocks a world), then those of
    ``kernel``: an array [n] as [worlds, n], an address (uint64) followed by the bytes from world to world."""
    if kernel not in _OVER:
        # All of a module of ours, which would be compiled anew for each; of two with one name it keeps the later one.
        ours = kernel.module.name.startswith("hpsolver.")
        siblings = [*kernel.module.kernels.values(), kernel] if ours else [kernel]
        _OVER.update({sibling: _write(sibling) for sibling in siblings if sibling not in _OVER})
    return _OVER[kernel]


def _write(kernel: wp.Kernel) -> wp.Kernel:
    function = ast.parse(textwrap.dedent(inspect.getsource(kernel.func))).body[0]
    assert isinstance(function, ast.FunctionDef)
    place = _OwnPlace()
    text = ast.unparse(place.visit(ast.Module(function.body, [])))
    if "tid()" in text:
        raise ValueError(f"kernel {kernel.key}: for many worlds write a line 'i = wp.tid()', or 'i, j, k = wp.tid()'")
    arguments, views = ["_first: I32", "_active: I32", "_items: wp.int32"], []
    namespace: dict[str, object] = {"wp": wp, "I32": I32}
    for name, kind in ((argument.label, argument.type) for argument in kernel.adj.args):
        if wp.types.is_array(kind):
            namespace[f"{name}_type"] = wp.array(dtype=kind.dtype, ndim=kind.ndim + 1)
            arguments.append(f"{name}_worlds: {name}_type")
            views.append(f"{name} = {name}_worlds[_world]")
        elif kind is wp.uint64:  # an address
            arguments += [f"{name}_worlds: wp.uint64", f"{name}_step: wp.uint64"]
            views.append(f"{name} = {name}_worlds + wp.uint64(_world) * {name}_step")
        else:
            namespace[f"{name}_type"] = kind
            arguments.append(f"{name}: {name}_type")
    source = "\n".join(
        [
            f"def {kernel.func.__name__}({', '.join(arguments)}):",
            *(f"    {line}" for line in PLACE[place.names]),
            "    if _active[_which] != 0:",
            "        _world = _first[0] + _which",
            *(f"        {view}" for view in views),
            textwrap.indent(text, 8 * " "),
        ]
    )
    module = f"{kernel.module.name}.worlds"
    file = f"<{module}.{kernel.key}>"  # see building.block_kernel
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope = {**kernel.func.__globals__, **inspect.getclosurevars(kernel.func).nonlocals, **namespace}
    scope["__name__"] = module
    exec(compile(source, file, "exec"), scope)
    return wp.kernel(scope[kernel.func.__name__], module=module, enable_backward=False)


PLACE = {
    ("_item",): ["_slot = wp.tid()", "_which = _slot // _items", "_item = _slot - _which * _items"],
    ("_item", "_lane"): ["_slot, _lane = wp.tid()", "_which = _slot // _items", "_item = _slot - _which * _items"],
    ("_x", "_y", "_z"): ["_which, _x, _y, _z = wp.tid()"],
}
"""How a thread finds its place: one of a line, a lane of a block, or one of a grid."""


class _OwnPlace(ast.NodeTransformer):
    """Puts, for ``wp.tid()``, a thread's place within its world; ``names``: what that is called (``PLACE``)."""

    names: tuple[str, ...] = ("_item",)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        call = node.value
        if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "wp.tid"):
            return node
        target = node.targets[0]
        mine = [ast.unparse(name) for name in (target.elts if isinstance(target, ast.Tuple) else [target])]
        self.names = next(names for names in PLACE if len(names) == len(mine))
        return [ast.parse(f"{name} = {place}").body[0] for name, place in zip(mine, self.names, strict=True)]


@wp.kernel(enable_backward=False)
def begin(first: I32, active: I32, more: I32, from_: wp.int32, to: wp.int32):
    """The first ``active.shape[0]`` of the worlds ``from_`` to ``to``. One thread."""
    first[0] = from_
    more[0] = 1
    for c in range(active.shape[0]):
        active[c] = wp.where(from_ + c < to, 1, 0)


@wp.kernel(enable_backward=False)
def advance(first: I32, active: I32, more: I32, from_: wp.int32, to: wp.int32):
    """The next ones, and whether there are any. One thread."""
    span = active.shape[0]
    first[0] = first[0] + span
    more[0] = wp.where(first[0] < to, 1, 0)
    for c in range(span):
        active[c] = wp.where(first[0] + c < to, 1, 0)


enter = block_kernel(
    "hpsolver.worlds",
    "enter",
    body("worlds/enter"),
    first=I32,
    outside=I32,
    conditions=wp.array2d(dtype=wp.int32),
    active=I32,
    any_=I32,
)
"""Which worlds go into the body of a loop, once more: those active ``outside`` of it whose condition, of
``conditions`` [worlds, 1], is not zero. ``any_``: whether there are any. One block."""
