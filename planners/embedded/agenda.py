"""Duties in order, and what to do next about them: the symbolic half of the embedded model.

A reading becomes a list of duties. Which of them are met is decided over the states since the
instruction was given, so the agenda neither forgets what was done nor does it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embodied.world.facts import Facts

SURFACES = ("close counter", "far counter", "table")
BACK = "back"


@dataclass(frozen=True)
class Duty:
    """One thing owed.

    kind: move | hold | release | go | find. choices: instances that would do, how well each fits;
    need: how many of them; targets: places that would do, best first, with weights.
    refers: an earlier duty whose chosen things this one means (`other`: means the rest of them).
    """

    kind: str
    choices: tuple[tuple[str, float], ...] = ()
    need: int = 1
    targets: tuple[tuple[str, float], ...] = ()
    refers: int | None = None
    other: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Instances that would do."""
        return tuple(name for name, _ in self.choices)


@dataclass(frozen=True)
class Standing:
    """A duty at one moment: which things may serve it still, and how many are owed."""

    duty: Duty
    choices: tuple[tuple[str, float], ...]
    targets: Mapping[str, tuple[tuple[str, float], ...]]
    met: bool
    chosen: frozenset[str]

    def goals(self, thing: str) -> tuple[tuple[str, float], ...]:
        """Places the thing may go to."""
        return self.targets[thing]


def stand(duty: Duty, first: Facts, now: Facts, chosen: Mapping[int, frozenset[str]]) -> Standing:
    """How a duty stands now. `chosen`: what served the earlier duties."""
    choices = _binding(duty, first, chosen)
    goals = {name: _targets(duty, name, first) for name, _ in choices}
    if duty.kind == "move":
        there = [n for n, _ in choices if now.at.get(n) in {p for p, _ in goals[n]}]
        old = {n for n in there if first.at.get(n) == now.at.get(n) and n != first.holding}
        fresh = [n for n in there if n not in old]
        count = len(fresh) if len(choices) - len(old) >= duty.need else len(there)
        return Standing(duty, choices, goals, count >= duty.need, frozenset(there))
    if duty.kind == "hold":
        return Standing(
            duty,
            choices,
            goals,
            now.holding in {n for n, _ in choices},
            frozenset({now.holding or ""}),
        )
    if duty.kind == "find":
        near = {n for n, _ in choices if now.holding == n or (now.at.get(n) or "-") == now.robot_at}
        return Standing(duty, choices, goals, bool(near), frozenset(near))
    if duty.kind == "release":
        held = now.holding
        return Standing(
            duty,
            choices,
            goals,
            held is None or (bool(choices) and held not in dict(choices)),
            frozenset(),
        )
    places = {p for p, _ in _targets(duty, None, first)}
    return Standing(
        duty, (), {"": _targets(duty, None, first)}, now.robot_at in places, frozenset()
    )


def _targets(duty: Duty, thing: str | None, first: Facts) -> tuple[tuple[str, float], ...]:
    """The duty's places; "back" is where the thing, or the robot, was at first."""
    origin = first.robot_at if thing is None else first.at.get(thing) or first.robot_at
    named = [(origin if p == BACK else p, w) for p, w in duty.targets]
    return tuple((p, w) for p, w in named if p is not None)


def _binding(
    duty: Duty, first: Facts, chosen: Mapping[int, frozenset[str]]
) -> tuple[tuple[str, float], ...]:
    """The choices left: what an earlier duty settled on, or what earlier duties left free."""
    if duty.refers is not None and duty.refers in chosen:
        settled = chosen[duty.refers]
        keep = [c for c in duty.choices if (c[0] in settled) != duty.other]
        return tuple(keep[:]) or duty.choices
    used = frozenset().union(*chosen.values()) if chosen else frozenset()
    free = [c for c in duty.choices if c[0] not in used]
    return tuple(free) if len(free) >= max(duty.need, 1) else duty.choices


@dataclass(frozen=True)
class Place:
    """Where the agenda stands: the duty to pursue (None: all is done) and its standing."""

    standing: Standing | None
    number: int
    chosen: Mapping[int, frozenset[str]]


def locate(duties: Sequence[Duty], trail: Sequence[Facts]) -> Place:
    """Tick duties off along the states in order; then look whether a met one came undone."""
    chosen: dict[int, frozenset[str]] = {}
    k, first, now = 0, trail[0], trail[-1]
    for facts in trail:
        while k < len(duties) and (s := stand(duties[k], first, facts, chosen)).met:
            chosen[k], k = s.chosen, k + 1
    if k < len(duties):
        return Place(stand(duties[k], first, now, chosen), k, chosen)
    for i, duty in enumerate(duties):
        if duty.kind not in ("move", "hold") or _moved_later(i, duties, chosen):
            continue
        s = stand(duty, first, now, {j: c for j, c in chosen.items() if j < i})
        if not s.met and (duty.kind == "move" or i == len(duties) - 1):
            return Place(s, i, chosen)
    return Place(None, len(duties), chosen)


def _moved_later(i: int, duties: Sequence[Duty], chosen: Mapping[int, frozenset[str]]) -> bool:
    later = frozenset().union(
        *(set(d.names) for d in duties[i + 1 :] if d.kind in ("move", "hold", "release"))
    )
    return bool(chosen.get(i, frozenset()) & later)


Option = tuple[str, str | None, str | None]  # kind of label, object, place


def options(place: Place, now: Facts, fresh: str | None) -> dict[Option, float]:
    """Weights over next labels for the pursued duty. `fresh`: what the robot stands in front of."""
    s = place.standing
    if s is None:
        return {("done", None, None): 1.0}
    kind = s.duty.kind
    if kind == "go":
        return {("go to", None, p): w for p, w in s.goals("")}
    if kind == "release":
        return _let_go(now)
    if kind == "find":
        return {("find", name, None): w for name, w in s.choices}
    wanted = dict(s.choices)
    if kind == "move" and now.holding in wanted:
        return _deliver(s, now)
    if now.holding is not None:
        return _let_go(now)
    rest = {n: w for n, w in wanted.items() if kind == "hold" or n not in s.chosen}
    return _take(rest, now, fresh)


def _deliver(s: Standing, now: Facts) -> dict[Option, float]:
    thing = now.holding
    assert thing is not None
    goals = dict(s.goals(thing))
    if now.robot_at in goals:
        if now.robot_at == "user":
            return {("bring", None, "user"): 0.95, ("go to", None, "user"): 0.05}
        put: dict[Option, float] = {
            ("place", thing, now.robot_at): 0.85,
            ("go to", None, now.robot_at): 0.05,
        }
        if now.robot_at in SURFACES:
            put[("put down", thing, None)] = 0.10
        return put
    return {("go to", None, p): w for p, w in goals.items()}


def _take(wanted: Mapping[str, float], now: Facts, fresh: str | None) -> dict[Option, float]:
    out: dict[Option, float] = {}
    for name, w in wanted.items():
        here = now.robot_at is not None and now.at.get(name) == now.robot_at
        w = w * (1.5 if here or name == fresh else 1.0)
        # standing at the place is not yet standing in front of the thing: the affordance decides
        pick = (0.9 if name == fresh else 0.25) if here else 0.02
        out[("pick up", name, None)] = w * pick
        out[("find", name, None)] = w * (1 - pick)
    return out


def _let_go(now: Facts) -> dict[Option, float]:
    """Free the gripper: put the thing down where the robot stands, or on the nearest surface."""
    if now.robot_at in SURFACES:
        return {("put down", now.holding, None): 0.8, ("place", now.holding, now.robot_at): 0.2}
    if now.robot_at == "user":
        return {
            ("go to", None, "close counter"): 0.5,
            ("go to", None, "table"): 0.3,
            ("bring", None, "user"): 0.2,
        }
    return {
        ("go to", None, "close counter"): 0.4,
        ("go to", None, "table"): 0.4,
        ("go to", None, "far counter"): 0.2,
    }
