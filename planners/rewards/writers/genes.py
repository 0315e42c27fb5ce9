"""The grammar's typed terms: what each may be said of, and how it is spelled as a term's source.

A gene is a kind, the signals that it is about, and a few numbers: ``reach(grip, puck, k=5)``. Its
spelling begins with just that as a comment, so a gene can be read back from a program and needs no
other memory. Terms are bounded, most of them within [0, 1], so that weights mean the same for all.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from planners.rewards.program import Term
from planners.rewards.views import Brief
from planners.rewards.writers.roles import Roles

Numbers = dict[str, float]
# per number of a gene: the range that it is drawn from, on a logarithmic scale
RANGES: Mapping[str, tuple[float, float]] = {
    "k": (1.0, 20.0),  # 1/m: how near counts as near
    "near": (4.0, 30.0),  # 1/m: of a gate
    "e": (0.02, 0.3),  # m or rad: of a latch
    "c": (0.02, 0.15),  # m: how far behind an object to push it from
    "h": (0.02, 0.3),  # m: a lift that counts as whole
    "slow": (1.0, 10.0),  # s/m
}
COMMENT = re.compile(r"#\s*(\w+)\(([^)]*)\)")


@dataclass(frozen=True)
class Gene:
    """One term. about: names of signals. numbers: see `RANGES`."""

    kind: str
    about: tuple[str, ...]
    numbers: Numbers = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [*self.about, *(f"{key}={value:.4g}" for key, value in self.numbers.items())]
        return f"{self.kind}({', '.join(parts)})"

    def term(self, weight: float, brief: Brief) -> Term:
        """The gene as a term, named after its kind and what it is about."""
        name = "_".join([self.kind, *self.about])[:60]
        code = KINDS[self.kind].code(Spelling(self, brief))
        lines = [f"def {name}(s):", f"    # {self}", *(f"    {line}" for line in code)]
        return Term(name, "\n".join(lines), weight)

    def jittered(self, rng: random.Random, size: float = 0.5) -> Gene:
        """The gene with its numbers moved by a factor of about exp(size)."""
        moved = {
            key: float(
                min(max(value * 2.718 ** rng.gauss(0, size), RANGES[key][0]), RANGES[key][1])
            )
            for key, value in self.numbers.items()
        }
        return replace(self, numbers=moved)


def read(source: str) -> Gene | None:
    """The gene that a term's source was spelled from; None if it is nobody's gene."""
    found = COMMENT.search(source)
    if found is None or found[1] not in KINDS:
        return None
    parts = [part.strip() for part in found[2].split(",") if part.strip()]
    try:
        numbers = {k: float(v) for k, _, v in (p.partition("=") for p in parts if "=" in p)}
    except ValueError:
        return None
    if set(numbers) != set(KINDS[found[1]].numbers):
        return None
    return Gene(found[1], tuple(part for part in parts if "=" not in part), numbers)


@dataclass(frozen=True)
class Spelling:
    """Pieces of source for one gene: signals and distances."""

    gene: Gene
    brief: Brief

    def number(self, key: str) -> str:
        """A number of the gene."""
        return f"{self.gene.numbers[key]:.4g}"

    def signal(self, i: int) -> str:
        """The i-th signal that the gene is about."""
        return f"s.{self.gene.about[i]}"

    def size(self, i: int) -> int:
        """How many numbers that signal has."""
        return self.brief.sizes[self.gene.about[i]]

    def distance(self, i: int = 0, j: int | None = None) -> str:
        """From one point to another, or the length of an offset, or a distance that is given."""
        if j is None and len(self.gene.about) == 1:
            return (
                f"abs({self.signal(i)}[:, 0])" if self.size(i) == 1 else f"norm({self.signal(i)})"
            )
        return f"norm({self.signal(i)} - {self.signal(1 if j is None else j)})"


@dataclass(frozen=True)
class Kind:
    """A kind of term. numbers: which it has. code: lines of its body. options: what it can be about."""

    numbers: tuple[str, ...]
    code: Callable[[Spelling], list[str]]
    options: Callable[[Roles], list[tuple[str, ...]]]


def _reach(s: Spelling) -> list[str]:
    return [f"return 1 - tanh({s.number('k')} * {s.distance()})"]


def _progress(s: Spelling) -> list[str]:
    return [f"return -{s.distance()}"]


def _closing(s: Spelling) -> list[str]:
    return [
        f"way = {s.signal(1)} - {s.signal(0)}",
        f"return clip(dot({s.signal(2)}, way) / (norm(way) + 0.01), -1, 1)",
    ]


def _align(s: Spelling) -> list[str]:
    return [
        f"across = norm({s.signal(0)}[:, :2] - {s.signal(1)}[:, :2])",
        f"return 1 - tanh({s.number('k')} * across)",
    ]


def _behind(s: Spelling) -> list[str]:
    return [
        f"away = {s.signal(1)} - {s.signal(2)}",
        "length = norm(away) + 0.001",
        f"gap = norm({s.signal(0)} - {s.signal(1)} - {s.number('c')} * away / length)",
        f"return 1 - tanh({s.number('k')} * gap)",
    ]


def _carry(s: Spelling) -> list[str]:
    return [
        f"near = 1 - tanh({s.number('near')} * {s.distance(0, 1)})",
        f"return near * (1 - tanh({s.number('k')} * {s.distance(1, 2)}))",
    ]


def _within(s: Spelling, gap: str) -> str:
    """How surely a distance is below the gene's edge."""
    edge = s.number("e")
    return f"0.5 + 0.5 * tanh(({edge} - {gap}) / (0.3 * {edge}))"


def _latch(s: Spelling) -> list[str]:
    return [f"return {_within(s, s.distance())}"]


def _lift(s: Spelling) -> list[str]:
    height = f"{s.signal(0)}[:, 0]" if s.size(0) == 1 else f"{s.signal(0)}[:, 2]"
    return [f"return clip({height} / {s.number('h')}, 0, 1)"]


def _grasp(s: Spelling) -> list[str]:
    shut = f"1 - tanh({s.number('k')} * abs({s.signal(2)}[:, 0]))"
    return [
        f"near = 1 - tanh({s.number('near')} * {s.distance(0, 1)})",
        f"return near * ({shut})",
    ]


def _hold(s: Spelling) -> list[str]:
    if len(s.gene.about) == 1:
        return [f"return {s.signal(0)}[:, 0]"]
    return [
        f"near = 1 - tanh({s.number('near')} * {s.distance(0, 1)})",
        f"return near * (1 - tanh({s.number('slow')} * norm({s.signal(2)})))",
    ]


def _held_lift(s: Spelling) -> list[str]:
    return [f"return {s.signal(0)}[:, 0] * clip({s.signal(1)}[:, 0] / {s.number('h')}, 0, 1)"]


def _held_carry(s: Spelling) -> list[str]:
    gap = f"norm({s.signal(1)} - {s.signal(2)})"
    return [f"return {s.signal(0)}[:, 0] * (1 - tanh({s.number('k')} * {gap}))"]


def _let_go(s: Spelling, flag: str, *end: str) -> str:
    """How surely something is no longer held and is where it is wanted."""
    gap = " - ".join(f"s.{name}" for name in end)
    return f"(1 - s.{flag}[:, 0]) * ({_within(s, f'norm({gap})')})"


def _released(s: Spelling) -> list[str]:
    return [f"return {_let_go(s, *s.gene.about)}"]


def _leave(s: Spelling) -> list[str]:
    *let_go, hand, home = s.gene.about
    return [
        f"left = {_let_go(s, *let_go)}",
        f"return left * (1 - tanh({s.number('k')} * norm(s.{hand} - s.{home})))",
    ]


def _smoothness(s: Spelling) -> list[str]:
    return [f"return -clip(norm({s.signal(0)}), 0, 10)"]


def _rise(s: Spelling) -> list[str]:
    return [f"return tanh({s.number('k')} * {s.signal(0)}[:, 0])"]


KINDS: dict[str, Kind] = {
    "reach": Kind(("k",), _reach, lambda r: r.distances),
    "progress": Kind((), _progress, lambda r: r.distances),
    "closing": Kind((), _closing, lambda r: [(*p, v) for p in r.pairs for v in r.speeds(p[0])]),
    "latch": Kind(("e",), _latch, lambda r: r.ends),
    "align": Kind(("k",), _align, lambda r: [p for p in r.pairs if r.size(p[0]) == 3]),
    "behind": Kind(("c", "k"), _behind, lambda r: r.triples),
    "carry": Kind(("near", "k"), _carry, lambda r: r.triples),
    "lift": Kind(("h",), _lift, lambda r: [(name,) for name in r.heights]),
    "grasp": Kind(
        ("near", "k"), _grasp, lambda r: [(*p, f) for p in r.touches for f in r.openings]
    ),
    "hold": Kind(
        ("near", "slow"), _hold, lambda r: [(*p, v) for p in r.arrivals for v in r.velocities]
    ),
    "flag": Kind((), _hold, lambda r: [(name,) for name in r.flags]),
    "held_lift": Kind(("h",), _held_lift, lambda r: [(f, h) for f in r.flags for h in r.heights]),
    "held_carry": Kind(("k",), _held_carry, lambda r: [(f, *p) for f in r.flags for p in r.goes]),
    "released": Kind(("e",), _released, lambda r: r.releases),
    "leave": Kind(("e", "k"), _leave, lambda r: [(*d, *w) for d in r.releases for w in r.retreats]),
    "smoothness": Kind((), _smoothness, lambda r: [(n,) for n in [*r.velocities, *r.actions]]),
    "rise": Kind(("k",), _rise, lambda r: [(name,) for name in r.scalars]),
}


def draw(
    kind: str, roles: Roles, rng: random.Random, rather: Sequence[tuple[str, ...]] = ()
) -> Gene | None:
    """A random gene of a kind; None where the task's signals offer nothing for it.

    Args:
        rather: gaps, as one signal or two; what the gene is about begins with one of them if it can.
    """
    options = KINDS[kind].options(roles)
    options = [o for o in options if any(o[: len(gap)] == gap for gap in rather)] or options
    if not options:
        return None
    numbers = {}
    for key in KINDS[kind].numbers:
        low, high = RANGES[key]
        numbers[key] = float(f"{low * (high / low) ** rng.random():.3g}")
    return Gene(kind, rng.choice(options), numbers)
