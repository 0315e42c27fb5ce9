"""Duties in order, and what to do next about them: the symbolic half of the embedded model.

A reading becomes a list of duties. Which of them are met is decided over the states since the
instruction was given, so the agenda neither forgets what was done nor does it twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from embodied.tasks import own
from embodied.tasks.labels import DRAWER, parse_label
from embodied.world.facts import SURFACES, Facts, kind
from planners.embedded.determiners import Det

BACK = "back"


@dataclass(frozen=True)
class Duty:
    """One thing owed.

    kind: move | hold | release | go | find | open | close (the drawer) | own (`skill`, one of your
    own). choices: instances that would do, how well each fits; need: how many of them; targets:
    places that would do, best first, with weights. refers: an earlier duty whose chosen things
    this one means (`other`: means the rest of them). distinct: no two of the things may be of one kind.

    det, where: how the words speak of the things and of the targets (see `determiners`). With
    "the", more choices than needed (more targets than one) mean that the words leave open which;
    otherwise each of them would do. said: the piece of the instruction that it comes from.
    """

    kind: str
    choices: tuple[tuple[str, float], ...] = ()
    need: int = 1
    targets: tuple[tuple[str, float], ...] = ()
    refers: int | None = None
    other: bool = False
    distinct: bool = False
    det: Det = "a"
    where: Det = "the"
    said: str = ""
    skill: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Instances that would do."""
        return tuple(name for name, _ in self.choices)

    def spread(self) -> list[Duty]:
        """A duty for each of the targets where all are meant: "go to both counters"; else it alone."""
        if self.where != "all" or len(self.targets) < 2:
            return [self]
        return [replace(self, targets=(target,)) for target in self.targets]


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
    names, held = {name for name, _ in choices}, now.holding
    match duty.kind:
        case "move":
            there = [n for n, _ in choices if now.at.get(n) in {p for p, _ in goals[n]}]
            old = {n for n in there if first.at.get(n) == now.at.get(n) and n != first.holding}
            fresh = [n for n in there if n not in old]
            counted = fresh if len(choices) - len(old) >= duty.need else there
            count = len({kind(n) for n in counted} if duty.distinct else counted)
            return Standing(duty, choices, goals, count >= duty.need, frozenset(there))
        case "hold":
            return Standing(duty, choices, goals, held in names, frozenset({held or ""}))
        case "find":
            near = {n for n in names if held == n or (now.at.get(n) or "-") == now.robot_at}
            return Standing(duty, choices, goals, bool(near), frozenset(near))
        case "release":
            free = held is None or (bool(choices) and held not in names)
            return Standing(duty, choices, goals, free, frozenset())
        case "open" | "close":
            done = now.open.get(DRAWER, False) == (duty.kind == "open")
            return Standing(duty, (), {}, done, frozenset())
        case "own":  # nothing in the state shows what it did but that it has succeeded since
            calls = [parse_label(label) for label in now.did[len(first.did) :]]
            told = {call.obj for call in calls if call.family == duty.skill}
            served = frozenset(names & told)
            met = len(served) >= duty.need if names else bool(told)
            return Standing(duty, choices, goals, met, served)
    places = _targets(duty, None, first)
    here = now.robot_at in {p for p, _ in places}
    return Standing(duty, (), {"": places}, here, frozenset())


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
        if duty.other:  # "one for me, one for him and one for her": none of those before
            before = frozenset().union(*chosen.values())
            keep = [c for c in keep if c[0] not in before] or keep
        return tuple(keep) or duty.choices
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
        standing = stand(duties[k], first, now, chosen)
        return Place(_together(standing, duties[:k], now, chosen), k, chosen)
    for i, duty in enumerate(duties):
        last = i == len(duties) - 1
        if not (duty.kind == "move" or (last and duty.kind in ("hold", "open", "close"))):
            continue
        if duty.kind == "hold" and any(now.at.get(n) == "user" for n in chosen[i]):
            continue  # handed over since
        s = stand(duty, first, now, {j: c for j, c in chosen.items() if j < i})
        if not s.met and not _moved_later(i, duties, chosen):
            return Place(s, i, chosen)
    return Place(None, len(duties), chosen)


def _together(
    s: Standing, earlier: Sequence[Duty], now: Facts, chosen: Mapping[int, frozenset[str]]
) -> Standing:
    """Where several places would do, the one where the things before went: "on one of the counters"."""
    goals = {p for p, _ in s.duty.targets}
    if s.duty.kind != "move" or len(goals) < 2:
        return s
    alike = [j for j, d in enumerate(earlier) if {p for p, _ in d.targets} == goals]
    used = {now.at.get(n) for j in alike for n in chosen.get(j, frozenset())}
    used |= {now.at.get(n) for n in s.chosen}
    if len(used & goals) != 1:
        return s
    near = {n: tuple(t for t in ts if t[0] in used) or ts for n, ts in s.targets.items()}
    return replace(s, targets=near)


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
    kind_ = s.duty.kind
    if kind_ == "own":
        return _own(s, now, fresh)
    if kind_ == "go":
        return {("go to", None, p): w for p, w in s.goals("")}
    if kind_ == "release":
        return _let_go(now)
    if kind_ == "find":
        return {("find", name, None): w for name, w in s.choices}
    wanted = dict(s.choices)
    if kind_ == "move" and now.holding in wanted and _ways(s, now):
        return _deliver(s, now)
    if now.holding is not None:
        return _let_go(now)
    if kind_ in ("open", "close") or (kind_ == "move" and _inside(s, now)):
        return _at_drawer("close" if kind_ == "close" else "open", now)
    taken = {kind(n) for n in s.chosen} if s.duty.distinct else set()
    rest = {n: w for n, w in wanted.items() if n not in s.chosen and kind(n) not in taken}
    return _take(wanted if kind_ == "hold" else rest, now, fresh)


def _own(s: Standing, now: Facts, fresh: str | None) -> dict[Option, float]:
    """Towards a skill of your own: what its base family asks for comes first."""
    skill = own.registered()[s.duty.skill]
    left = {n: w for n, w in s.choices if n not in s.chosen}
    if skill.base == "place" and now.holding in left:
        return _own_place(skill, s, now)
    if now.holding is not None:
        return _let_go(now)
    if not left:
        found = _at_drawer(skill.name, now)
        return {(k, o, DRAWER): w for (k, o, _), w in found.items()}
    found = _take(left, now, fresh)
    if skill.base == "place":
        return found
    return {(skill.name if k == "pick up" else k, o, p): w for (k, o, p), w in found.items()}


def _own_place(skill: own.OwnSkill, s: Standing, now: Facts) -> dict[Option, float]:
    """With the thing in the gripper: where the label says, or on the surface at hand."""
    if "place" in skill.fields:
        goals = _ways(s, now)
        if now.robot_at in goals:
            return {(skill.name, now.holding, now.robot_at): 1.0}
        return {("go to", None, p): w for p, w in goals.items()}
    if now.robot_at in SURFACES:
        return {(skill.name, now.holding, None): 1.0}
    return {("go to", None, surface): 1.0 for surface in SURFACES}


def _ways(s: Standing, now: Facts) -> dict[str, float]:
    """Where the held thing may go now: the shut drawer is no place before it is opened."""
    assert now.holding is not None
    shut = not now.open.get(DRAWER, False)
    return {p: w for p, w in s.goals(now.holding) if not (shut and p == DRAWER)}


def _inside(s: Standing, now: Facts) -> bool:
    """Whether the shut drawer is where things are to go: it opens only to an empty gripper."""
    best = {goals[0][0] for goals in s.targets.values() if goals}
    return best == {DRAWER} and not now.open.get(DRAWER, False)


def _at_drawer(what: str, now: Facts) -> dict[Option, float]:
    if now.robot_at == DRAWER:
        return {(what, None, None): 0.95, ("go to", None, DRAWER): 0.05}
    return {("go to", None, DRAWER): 1.0}


def _deliver(s: Standing, now: Facts) -> dict[Option, float]:
    thing = now.holding
    goals = _ways(s, now)
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
    shut = not now.open.get(DRAWER, False)
    for name, w in wanted.items():
        here = now.robot_at is not None and now.at.get(name) == now.robot_at
        w = w * (1.5 if here or name == fresh else 1.0)
        if shut and now.at.get(name) == DRAWER:
            for option, share in _at_drawer("open", now).items():
                out[option] = out.get(option, 0.0) + w * share
            continue
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
