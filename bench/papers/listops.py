"""A ListOps-like task: the value of a nested expression of digits, in ten classes (Nangia and Bowman, 1804.06028).

    [MAX 2 9 [MIN 4 7 ] 0 ]   ->   9

Operators MAX, MIN, MED (median, rounded down) and SM (sum modulo 10). One token per operator-with-bracket, digit and
closing bracket.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

OPERATORS: dict[str, Callable[[list[int]], int]] = {
    "[MAX": max,
    "[MIN": min,
    "[MED": lambda values: int(np.median(values)),
    "[SM": lambda values: sum(values) % 10,
}
VOCABULARY = ["<pad>", *map(str, range(10)), *OPERATORS, "]"]
CODES = {word: code for code, word in enumerate(VOCABULARY)}


def expression(rng: np.random.Generator, depth: int, most: int) -> tuple[list[str], int]:
    """(words, value) of an operator with 2 to ``most`` arguments; above depth 1, 4 arguments in 10 are expressions."""
    operator = list(OPERATORS)[rng.integers(len(OPERATORS))]
    words, values = [operator], []
    for _ in range(rng.integers(2, most + 1)):
        if depth > 1 and rng.random() < 0.4:
            inner, value = expression(rng, depth - 1, most)
        else:
            value = int(rng.integers(10))
            inner = [str(value)]
        words += inner
        values.append(value)
    return [*words, "]"], OPERATORS[operator](values)


def samples(count: int, length: int, shortest: int, seed: int, depth: int = 4, most: int = 5):
    """(codes int64 [count, length], zero-padded at the end; labels int64 [count]) of shortest to length tokens."""
    rng = np.random.default_rng(seed)
    codes, labels = np.zeros((count, length), np.int64), np.zeros(count, np.int64)
    for row in range(count):
        words, value = expression(rng, depth, most)
        while not shortest <= len(words) <= length:
            words, value = expression(rng, depth, most)
        codes[row, : len(words)] = [CODES[word] for word in words]
        labels[row] = value
    return codes, labels
