"""Kernels of the liquid: particles to faces and back, the paddle, the surface. Ordinary Warp, no solver.

A face field of axis a is [nx, ny, nz] with one entry more along a: entry k is the low face of cell k. In 2D nz = 1.
"""

import warp as wp

FLIP = wp.constant(0.97)
"""Weight of a particle's own velocity plus the grid's change; the rest is the grid's velocity, which smooths."""

RADIUS = wp.constant(0.75)
"""Radius, in cells, of the balls around particles whose union is the liquid."""

PADDLE_WIDTH = wp.constant(3.0)
GRAVITY = wp.constant(1.0)


@wp.func
def paddle_place(time: float, length: int) -> float:
    """The paddle's left side. It rests while the dam breaks, then swings at the right end of the tank."""
    swing = wp.max(time - 20.0, 0.0)
    return float(length) * (0.82 - 0.08 * (1.0 - wp.cos(0.12 * swing)))


@wp.func
def paddle_velocity(time: float, length: int) -> float:
    swing = wp.max(time - 20.0, 0.0)
    return -float(length) * 0.08 * 0.12 * wp.sin(0.12 * swing)


@wp.kernel(enable_backward=False)
def step_clock(clock: wp.array[float], dt: float):
    clock[0] = clock[0] + dt


@wp.kernel(enable_backward=False)
def fill_paddle(clock: wp.array[float], solid: wp.array3d[wp.uint8]):
    """solid: a board that hangs into the tank from above, with a gap at the floor."""
    i, j, k = wp.tid()
    place = paddle_place(clock[0], solid.shape[0])
    x = float(i) + 0.5
    inside = x > place and x < place + PADDLE_WIDTH and float(j) > 0.08 * float(solid.shape[1])
    solid[i, j, k] = wp.where(inside, wp.uint8(1), wp.uint8(0))


@wp.func
def corner(x: wp.vec3, axis: int) -> wp.vec3:
    """A point in index units of an axis' faces, whose entries lie half a cell off along the other axes."""
    half = wp.vec3(0.5, 0.5, 0.5)
    half[axis] = 0.0
    return x - half


@wp.func
def share(x: wp.vec3, i: int, j: int, k: int) -> float:
    """Weight of entry (i, j, k) at a point: linear in the distance on each axis."""
    a = wp.max(1.0 - wp.abs(x[0] - float(i)), 0.0)
    b = wp.max(1.0 - wp.abs(x[1] - float(j)), 0.0)
    c = wp.max(1.0 - wp.abs(x[2] - float(k)), 0.0)
    return a * b * c


@wp.func
def add(x: wp.vec3, value: float, axis: int, field: wp.array3d[float], weight: wp.array3d[float]):
    place = corner(x, axis)
    i, j, k = int(wp.floor(place[0])), int(wp.floor(place[1])), int(wp.floor(place[2]))
    for a in range(i, i + 2):
        for b in range(j, j + 2):
            for c in range(k, k + 2):
                if a >= 0 and b >= 0 and c >= 0 and a < field.shape[0] and b < field.shape[1] and c < field.shape[2]:
                    w = share(place, a, b, c)
                    wp.atomic_add(field, a, b, c, w * value)
                    wp.atomic_add(weight, a, b, c, w)


@wp.kernel(enable_backward=False)
def scatter(
    position: wp.array[wp.vec3],
    velocity: wp.array[wp.vec3],
    u: wp.array3d[float],
    v: wp.array3d[float],
    w: wp.array3d[float],
    u_weight: wp.array3d[float],
    v_weight: wp.array3d[float],
    w_weight: wp.array3d[float],
):
    """Adds each particle's momentum and weight to the faces around it."""
    p = wp.tid()
    x, c = position[p], velocity[p]
    add(x, c[0], 0, u, u_weight)
    add(x, c[1], 1, v, v_weight)
    add(x, c[2], 2, w, w_weight)


@wp.kernel(enable_backward=False)
def mark_surface(position: wp.array[wp.vec3], phi: wp.array3d[float]):
    """phi: the distance of each cell's centre from the nearest of the balls around particles."""
    p = wp.tid()
    x = position[p]
    i, j, k = int(x[0]), int(x[1]), int(x[2])
    for a in range(wp.max(i - 2, 0), wp.min(i + 3, phi.shape[0])):
        for b in range(wp.max(j - 2, 0), wp.min(j + 3, phi.shape[1])):
            for c in range(wp.max(k - 2, 0), wp.min(k + 3, phi.shape[2])):
                centre = wp.vec3(float(a) + 0.5, float(b) + 0.5, float(c) + 0.5)
                wp.atomic_min(phi, a, b, c, wp.length(centre - x) - RADIUS)


@wp.func
def is_solid(solid: wp.array3d[wp.uint8], i: int, j: int, k: int) -> bool:
    if i < 0 or j < 0 or k < 0 or i >= solid.shape[0] or j >= solid.shape[1] or k >= solid.shape[2]:
        return False
    return solid[i, j, k] != wp.uint8(0)


@wp.kernel(enable_backward=False)
def face_velocity(
    axis: int,
    clock: wp.array[float],
    dt: float,
    solid: wp.array3d[wp.uint8],
    field: wp.array3d[float],
    weight: wp.array3d[float],
    before: wp.array3d[float],
):
    """field: momentum over weight, plus gravity; at walls and paddle their velocity. before: momentum over weight."""
    i, j, k = wp.tid()
    low = wp.vec3i(i - wp.where(axis == 0, 1, 0), j - wp.where(axis == 1, 1, 0), k - wp.where(axis == 2, 1, 0))
    last = field.shape[0] - 1
    place = i
    if axis == 1:
        last, place = field.shape[1] - 1, j
    if axis == 2:
        last, place = field.shape[2] - 1, k
    value = float(0.0)
    if weight[i, j, k] > 1.0e-6:
        value = field[i, j, k] / weight[i, j, k]
    before[i, j, k] = value
    if axis == 1:
        value -= GRAVITY * dt
    if is_solid(solid, i, j, k) or is_solid(solid, low[0], low[1], low[2]):
        value = 0.0
        if axis == 0:
            value = paddle_velocity(clock[0], solid.shape[0])
    if place == 0 or place == last:
        value = 0.0
    field[i, j, k] = value


@wp.func
def is_liquid(phi: wp.array3d[float], solid: wp.array3d[wp.uint8], i: int, j: int, k: int) -> bool:
    if i < 0 or j < 0 or k < 0 or i >= phi.shape[0] or j >= phi.shape[1] or k >= phi.shape[2]:
        return False
    return phi[i, j, k] < 0.0 and solid[i, j, k] == wp.uint8(0)


@wp.kernel(enable_backward=False)
def forget(
    axis: int,
    phi: wp.array3d[float],
    solid: wp.array3d[wp.uint8],
    field: wp.array3d[float],
    weight: wp.array3d[float],
):
    """weight: 1 where a face touches the liquid, else 0, since only there the projection gives a velocity. Faces inside
    the paddle then take theirs from outside, so that the liquid slides along it."""
    i, j, k = wp.tid()
    a, b, c = i - wp.where(axis == 0, 1, 0), j - wp.where(axis == 1, 1, 0), k - wp.where(axis == 2, 1, 0)
    wet = wp.where(is_liquid(phi, solid, i, j, k) or is_liquid(phi, solid, a, b, c), 1.0, 0.0)
    weight[i, j, k] = wet
    field[i, j, k] = field[i, j, k] * wet


@wp.kernel(enable_backward=False)
def spread(
    field: wp.array3d[float],
    weight: wp.array3d[float],
    new_field: wp.array3d[float],
    new_weight: wp.array3d[float],
):
    """Unknown faces take the mean of the known ones around them."""
    i, j, k = wp.tid()
    value, known = float(field[i, j, k]), float(weight[i, j, k])
    if known == 0.0:
        total, count = float(0.0), float(0.0)
        for t in range(6):
            step = 2 * (t % 2) - 1
            a = i + wp.where(t / 2 == 0, step, 0)
            b = j + wp.where(t / 2 == 1, step, 0)
            c = k + wp.where(t / 2 == 2, step, 0)
            if a >= 0 and b >= 0 and c >= 0 and a < field.shape[0] and b < field.shape[1] and c < field.shape[2]:
                total += weight[a, b, c] * field[a, b, c]
                count += weight[a, b, c]
        if count > 0.0:
            value = total / count
            known = 1.0
    new_field[i, j, k] = value
    new_weight[i, j, k] = known


@wp.func
def sample(x: wp.vec3, axis: int, field: wp.array3d[float]) -> float:
    """A face field at a point: linear between its entries, and outside as at the edge."""
    place = corner(x, axis)
    i, j, k = int(wp.floor(place[0])), int(wp.floor(place[1])), int(wp.floor(place[2]))
    total = float(0.0)
    for a in range(i, i + 2):
        for b in range(j, j + 2):
            for c in range(k, k + 2):
                w = share(place, a, b, c)
                inside = wp.vec3i(
                    wp.clamp(a, 0, field.shape[0] - 1),
                    wp.clamp(b, 0, field.shape[1] - 1),
                    wp.clamp(c, 0, field.shape[2] - 1),
                )
                total += w * field[inside[0], inside[1], inside[2]]
    return total


@wp.func
def flow_at(x: wp.vec3, u: wp.array3d[float], v: wp.array3d[float], w: wp.array3d[float]) -> wp.vec3:
    return wp.vec3(sample(x, 0, u), sample(x, 1, v), sample(x, 2, w))


@wp.kernel(enable_backward=False)
def move(
    dt: float,
    clock: wp.array[float],
    solid: wp.array3d[wp.uint8],
    u: wp.array3d[float],
    v: wp.array3d[float],
    w: wp.array3d[float],
    u_before: wp.array3d[float],
    v_before: wp.array3d[float],
    w_before: wp.array3d[float],
    velocity: wp.array[wp.vec3],
    position: wp.array[wp.vec3],
):
    """Particles mostly take the grid's change of velocity, and move with its flow; tank and paddle stop them."""
    p = wp.tid()
    x = position[p]
    now = flow_at(x, u, v, w)
    change = now - flow_at(x, u_before, v_before, w_before)
    c = FLIP * (velocity[p] + change) + (1.0 - FLIP) * now
    x = x + dt * flow_at(x + 0.5 * dt * now, u, v, w)
    for axis in range(3):
        end = float(solid.shape[axis])
        if end > 1.0:
            x[axis] = wp.clamp(x[axis], 0.02, end - 0.02)
        else:
            x[axis] = 0.5
    place = paddle_place(clock[0], solid.shape[0])
    if x[0] > place and x[0] < place + PADDLE_WIDTH and x[1] > 0.08 * float(solid.shape[1]):
        x[0] = wp.where(x[0] - place < 0.5 * PADDLE_WIDTH, place - 0.01, place + PADDLE_WIDTH + 0.01)
        c[0] = paddle_velocity(clock[0], solid.shape[0])
    position[p] = x
    velocity[p] = c
