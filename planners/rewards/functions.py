"""The functions that reward terms may call, and the operators that stand behind +, *, < and so on.

Every value is a number or a tensor with the simulations first: (N,) is one number per simulation, (N, k)
a vector. Shapes are matched from the left: (N,) against (N, k) is one number per simulation, so a
vector never multiplies out to (N, N). Nothing here returns a module, touches a file or draws a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

Value = Any
"""A float, a bool, or a tensor (N, ...)."""
MOST = 64  # numbers per simulation that a value may have


class ShapeError(Exception):
    """Values do not fit; the text says how to mend it."""


def align(*values: Value) -> list[torch.Tensor]:
    """Tensors of equal rank, matched from the left. Raises ShapeError if their sizes do not fit."""
    tensors = [v if isinstance(v, torch.Tensor) else torch.tensor(float(v)) for v in values]
    rank = max(t.dim() for t in tensors)
    tensors = [t.reshape(*t.shape, *[1] * (rank - t.dim())) if t.dim() else t for t in tensors]
    for axis in range(rank):
        sizes = {t.shape[axis] for t in tensors if t.dim() and t.shape[axis] != 1}
        if len(sizes) > 1:
            shown = " and ".join(_shape(v) for v in values if isinstance(v, torch.Tensor))
            raise ShapeError(f"{shown} do not fit together; take parts of equal size, as x[:, :2].")
    return tensors


def _shape(value: torch.Tensor) -> str:
    return (
        "(" + ", ".join(["N", *map(str, value.shape[1:])]) + ("," if value.dim() == 1 else "") + ")"
    )


def tensor(value: Value) -> torch.Tensor:
    """The value as a float tensor."""
    if isinstance(value, torch.Tensor):
        return value if value.is_floating_point() else value.float()
    if isinstance(value, bool | int | float):
        return torch.tensor(float(value))
    raise ShapeError("Only numbers and signals can be computed with.")


def binary(function: Callable[..., torch.Tensor], numeric: bool = True) -> Callable[..., Value]:
    """An operator over numbers and aligned tensors; numbers alone stay floats, and cannot grow."""

    def apply(left: Value, right: Value) -> Value:
        left, right = (tensor(left), tensor(right)) if numeric else (left, right)
        a, b = align(left, right)
        return function(a, b)

    return apply


def _logic(function: Callable[..., torch.Tensor]) -> Callable[..., Value]:
    def apply(left: Value, right: Value) -> Value:
        a, b = align(tensor(left), tensor(right))
        return function(a != 0, b != 0)

    return apply


OPERATORS: Mapping[str, Callable[..., Value]] = {
    "Add": binary(torch.add),
    "Sub": binary(torch.sub),
    "Mult": binary(torch.mul),
    "Div": binary(torch.div),
    "Pow": binary(torch.pow),
    "Mod": binary(torch.remainder),
    "Lt": binary(torch.lt),
    "LtE": binary(torch.le),
    "Gt": binary(torch.gt),
    "GtE": binary(torch.ge),
    "Eq": binary(torch.eq),
    "NotEq": binary(torch.ne),
    "BitAnd": _logic(torch.logical_and),
    "BitOr": _logic(torch.logical_or),
    "USub": lambda value: -tensor(value),
    "UAdd": tensor,
    "Invert": lambda value: tensor(value) == 0,
}
"""By the name of the syntax tree's node."""


def part(value: Value, index: tuple[Any, ...]) -> torch.Tensor:
    """``value[:, ...]``; the first index has been checked to keep all simulations."""
    if not isinstance(value, torch.Tensor) or not value.dim():
        raise ShapeError("A plain number cannot be indexed.")
    try:
        found = value[index]
    except IndexError:
        raise ShapeError(
            f"{_shape(value)} has no such part; count its axes and numbers from 0."
        ) from None
    if found.dim() > 3:
        raise ShapeError("Values have at most three axes; leave the added one out.")
    return found


def _unary(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Value], torch.Tensor]:
    return lambda x: function(tensor(x))


def _last(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    """A reduction of a vector (N, k) to (N,); what is (N,) already stays."""

    def apply(x: Value, axis: Value = -1, dim: Value = -1, keepdim: Value = False) -> torch.Tensor:
        if not {float(axis), float(dim)} <= {-1.0, 1.0}:
            raise ShapeError("Reductions go over the last axis; leave the axis out.")
        x = tensor(x)
        x = x if x.dim() > 1 else x[..., None]
        found = function(x)
        return found[..., None] if keepdim else found

    return apply


def _clip(x: Value, low: Value = -math.inf, high: Value = math.inf) -> torch.Tensor:
    return _largest(_smallest(x, high), low)


def _smallest(a: Value, b: Value) -> torch.Tensor:
    return torch.minimum(*align(tensor(a), tensor(b)))


def _largest(a: Value, b: Value) -> torch.Tensor:
    return torch.maximum(*align(tensor(a), tensor(b)))


def _where(condition: Value, a: Value, b: Value) -> torch.Tensor:
    c, x, y = align(tensor(condition), tensor(a), tensor(b))
    return torch.where(c != 0, x, y)


def _dot(a: Value, b: Value) -> torch.Tensor:
    x, y = align(tensor(a), tensor(b))
    return (x * y).sum(-1) if x.dim() > 1 else x * y


def _atan2(y: Value, x: Value) -> torch.Tensor:
    return torch.atan2(*align(tensor(y), tensor(x)))


def _stack(*parts: Value) -> torch.Tensor:
    if not 1 <= len(parts) <= 16:
        raise ShapeError("stack takes 1 to 16 values.")
    columns = torch.broadcast_tensors(*align(*(tensor(p) for p in parts)))
    if columns[0].dim() > 1:
        raise ShapeError("stack joins single numbers; take parts, as stack(x[:, 0], y[:, 1]).")
    return torch.stack(columns, -1)


def _vec(*numbers: Value) -> torch.Tensor:
    if not 1 <= len(numbers) <= 16:
        raise ShapeError("vec takes 1 to 16 plain numbers.")
    return torch.stack([tensor(n).reshape(()) for n in numbers])[None]


def _norm(x: torch.Tensor) -> torch.Tensor:
    return x.norm(dim=-1)


def _angle(x: torch.Tensor) -> torch.Tensor:
    return torch.remainder(x + math.pi, 2 * math.pi) - math.pi


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "abs": _unary(torch.abs),
    "exp": _unary(lambda x: torch.exp(x.clamp(max=80.0))),
    "log": _unary(lambda x: torch.log(x.clamp(min=1e-8))),
    "sqrt": _unary(lambda x: torch.sqrt(x.clamp(min=0.0))),
    "square": _unary(torch.square),
    "tanh": _unary(torch.tanh),
    "sigmoid": _unary(torch.sigmoid),
    "sin": _unary(torch.sin),
    "cos": _unary(torch.cos),
    "sign": _unary(torch.sign),
    "float": _unary(lambda x: x),
    "wrap": _unary(_angle),
    "norm": _last(_norm),
    "sum": _last(lambda x: x.sum(-1)),
    "mean": _last(lambda x: x.mean(-1)),
    "smallest": _last(lambda x: x.amin(-1)),
    "largest": _last(lambda x: x.amax(-1)),
    "dot": _dot,
    "minimum": _smallest,
    "maximum": _largest,
    "clip": _clip,
    "where": _where,
    "atan2": _atan2,
    "stack": _stack,
    "vec": _vec,
}
OTHER_NAMES = {"clamp": "clip", "min": "minimum", "max": "maximum"}
"""Names that writers use for the same."""
HELP = """abs, exp, log, sqrt, square, tanh, sigmoid, sin, cos, sign, float (of a bool), wrap (an angle
to [-pi, pi)): number by number. norm(v), sum(v), mean(v), smallest(v), largest(v), dot(u, v): of vectors
(N, k), to (N,). minimum(a, b), maximum(a, b), clip(x, low, high), where(condition, a, b), atan2(y, x).
stack(a, b, ...) joins numbers (N,) to a vector (N, k); vec(0.1, 0, 0.5) is a constant vector; pi. Operators:
+ - * / ** % < <= > >= == != & | ~; parts: s.x[:, 0], s.x[:, :2]. No loops, no if (use where), no imports,
no methods."""
