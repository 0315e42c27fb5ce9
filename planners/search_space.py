"""The solver's search space: a goal and a scene compiled into small states, moves and bounds.

Only what the goal speaks of is kept: the objects it names (and the one in the gripper) and the
places where it wants them. Labels that a person would not say in the given case are left out,
though they may be as short: an object is fetched by ``find X`` (never by ``go to`` its place, which
may end a metre beside it), a named place is served by ``place X on L``, and ``put down X`` is for
where any surface will do. Nothing goes into the trash, the drawer or to the user, and the drawer is
neither opened nor closed, unless the goal says so or an object demands it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from embodied.tasks import labels
from embodied.tasks.labels import CLOSE, DRAWER, OPEN, OUT_OF_REACH, SkillCall
from embodied.world.facts import PLACES, SURFACES, Facts, kind
from embodied.world.goals import (
    All,
    Any,
    At,
    Count,
    Goal,
    Holding,
    Not,
    Open,
    RobotAt,
    Visited,
    What,
)


class State(NamedTuple):
    """robot: place. front: index of the object before it. held: index of the object in the gripper.
    at: place per object. seen: per `Visited` atom, how many of its places came by in order.
    open: whether the drawer is.
    """

    robot: str | None
    front: int | None
    held: int | None
    at: tuple[str | None, ...]
    seen: tuple[int, ...]
    open: bool = False


Test = Callable[[State], bool]


@dataclass
class Wishes:
    """What a goal wants, collected with polarity, in order of mention."""

    targets: dict[int, list[str]]  # object -> places it may have to end at
    grasp: list[int]  # objects that may have to be held in the end
    leave: set[int]  # objects that may have to leave where they are, or the gripper
    robot: list[str]  # places the robot may have to stand at
    flee: bool = False  # the robot may have to be elsewhere
    hand_over: bool = False  # letting go is wished, and the user's hand will do
    drawer: bool = False  # it may have to be opened or closed for its own sake


class Space:
    """One goal in one scene. Objects are indices into `names`.

    places: where the robot can be sent and things can be put. fetchable: where things can be taken.
    """

    def __init__(
        self, goal: Goal, facts: Facts, in_front: str | None, drawer: bool = False
    ) -> None:
        self.goal, self.facts, self.drawer = goal, facts, drawer
        self.places = (*PLACES, DRAWER) if drawer else PLACES
        reached = (*self.places, DRAWER) if facts.open.get(DRAWER) else self.places
        self.fetchable = tuple(place for place in reached if place not in OUT_OF_REACH)
        everything = list(facts.instances)
        self.visits: list[Visited] = []
        self.names = [o for o in everything if o == facts.holding or _mentions(goal, o)]
        self.index = {name: i for i, name in enumerate(self.names)}
        self.wishes = Wishes({}, [], set(), [])
        self.test = self.compile(goal)
        self.collect(goal, True)
        self.start = State(
            robot=facts.robot_at,
            front=self.index.get(in_front) if in_front else None,
            held=self.index.get(facts.holding) if facts.holding else None,
            at=tuple(facts.at.get(name) for name in self.names),
            seen=tuple(_matched(visit.places, facts.visited) for visit in self.visits),
            open=facts.open.get(DRAWER, False),
        )
        wished = any(DRAWER in places for places in self.wishes.targets.values())
        inside = DRAWER in self.start.at
        self.opening = drawer and (self.wishes.drawer or wished or inside)

    def members(self, what: What) -> tuple[int, ...]:
        """Indices of the objects that are meant."""
        return tuple(i for i, name in enumerate(self.names) if what.matches(name))

    def compile(self, goal: Goal) -> Test:
        """`goal.holds` over states."""
        if isinstance(goal, All | Any):
            parts = [self.compile(part) for part in goal.goals]
            if isinstance(goal, All):
                return lambda s: all(part(s) for part in parts)
            return lambda s: any(part(s) for part in parts)
        if isinstance(goal, Not):
            inner = self.compile(goal.goal)
            return lambda s: not inner(s)
        if isinstance(goal, At | Count):
            number = self.counter(goal)
            least, most = (1, None) if isinstance(goal, At) else (goal.least, goal.most)
            return lambda s: least <= number(s) and (most is None or number(s) <= most)
        if isinstance(goal, Holding):
            members = frozenset(self.members(goal.what))
            return lambda s: s.held in members
        if isinstance(goal, RobotAt):
            return lambda s: s.robot == goal.place
        if isinstance(goal, Visited):
            if goal not in self.visits:
                self.visits.append(goal)
            slot = self.visits.index(goal)
            return lambda s: s.seen[slot] == len(goal.places)
        return lambda s: s.open

    def counter(self, goal: At | Count) -> Callable[[State], int]:
        """How many of what is meant are there (or kinds of it, where kinds count)."""
        members, place = self.members(goal.what), goal.place
        if isinstance(goal, Count) and goal.by_kind:
            kinds = [(i, kind(self.names[i])) for i in members]
            return lambda s: len({name for i, name in kinds if s.at[i] == place})
        return lambda s: sum(s.at[i] == place for i in members)

    def collect(self, goal: Goal, wanted: bool) -> None:
        """Fill `wishes`; `wanted` is False below an odd number of `not`."""
        wishes = self.wishes
        if isinstance(goal, All | Any):
            for part in goal.goals:
                self.collect(part, wanted)
        elif isinstance(goal, Not):
            self.collect(goal.goal, not wanted)
        elif isinstance(goal, RobotAt):
            wishes.flee |= not wanted
            wishes.robot += [goal.place] if wanted else []
        elif isinstance(goal, Visited):
            wishes.robot += goal.places if wanted else ()
        elif isinstance(goal, Open):
            wishes.drawer = True
        elif isinstance(goal, Holding):
            wishes.hand_over |= not wanted
            (wishes.grasp.extend if wanted else wishes.leave.update)(self.members(goal.what))
        elif isinstance(goal, At | Count):
            counted = isinstance(goal, Count)
            above, below = counted and goal.most is not None, not counted or goal.least > 0
            for i in self.members(goal.what):
                if below if wanted else above:
                    wishes.targets.setdefault(i, []).append(goal.place)
                if above if wanted else below:
                    wishes.leave.add(i)

    def moves(self, state: State) -> Iterator[tuple[SkillCall, State]]:
        """Sensible calls and what they lead to, the preferred first."""
        if state.held is None:
            if self.opening and state.robot == DRAWER:
                yield CLOSE if state.open else OPEN, state._replace(open=not state.open)
            yield from self.fetches(state)
        else:
            yield from self.deliveries(state, state.held)
        yield from self.drives(state)

    def fetches(self, state: State) -> Iterator[tuple[SkillCall, State]]:
        """Find or pick up what has to go somewhere else."""
        wishes = self.wishes
        for i in (*dict.fromkeys((*wishes.targets, *wishes.grasp)), *sorted(wishes.leave)):
            here = state.at[i]
            elsewhere = any(place != here for place in wishes.targets.get(i, ()))
            if not (elsewhere or i in wishes.leave or i in wishes.grasp):
                continue
            if here not in self.fetchable:
                continue
            if state.front == i:
                if here == DRAWER and not state.open:
                    continue
                at = _put(state.at, i, None)
                yield labels.pick_up(self.names[i]), state._replace(front=None, held=i, at=at)
            else:
                yield labels.find(self.names[i]), self.drive(state, here, i)

    def deliveries(self, state: State, held: int) -> Iterator[tuple[SkillCall, State]]:
        """Take the held object where it is wanted, or merely let go of it."""
        wishes, robot, name = self.wishes, state.robot, self.names[held]
        targets = [p for p in wishes.targets.get(held, ()) if p in self.places]
        for target in targets:
            if robot == target:
                if target == DRAWER and not state.open:
                    continue
                yield labels.place(name, target), self.release(state, held, target)
            else:
                yield labels.go_to(target), self.drive(state, target)
        if robot in SURFACES and robot not in targets:
            yield labels.put_down(name), self.release(state, held, robot)
        if robot == "user" and wishes.hand_over and "user" not in targets:
            yield labels.BRING, self.release(state, held, "user")
        if robot not in SURFACES or held in wishes.leave:
            ahead = [state.at[i] for i in (*wishes.targets, *wishes.grasp)]
            surfaces = sorted(SURFACES, key=lambda surface: surface not in ahead)
            for surface in surfaces:
                if surface != robot:
                    yield labels.go_to(surface), self.drive(state, surface)

    def drives(self, state: State) -> Iterator[tuple[SkillCall, State]]:
        """Go where the goal wants the robot to be or to have been."""
        wanted = list(self.wishes.robot)
        wanted += PLACES if self.wishes.flee else ()
        wanted += (DRAWER,) if self.opening and state.held is None else ()
        for place in dict.fromkeys(wanted):
            if place == state.robot:
                continue
            if place in self.places:
                yield labels.go_to(place), self.drive(state, place)
            else:  # without its skills no label goes to a drawer, but finding what is in it does
                inside = [name for name, where in self.facts.at.items() if where == place]
                for name in inside[:1]:
                    yield labels.find(name), self.drive(state, place, self.index.get(name))

    def drive(self, state: State, place: str | None, front: int | None = None) -> State:
        """The robot at `place`; every order of visits that waited for it moves on."""
        seen = state.seen
        if seen and place != state.robot:
            seen = tuple(
                done + (done < len(visit.places) and visit.places[done] == place)
                for done, visit in zip(seen, self.visits, strict=True)
            )
        return state._replace(robot=place, front=front, seen=seen)

    def release(self, state: State, held: int, place: str | None) -> State:
        """The held object at `place`, before the robot."""
        return state._replace(held=None, front=held, at=_put(state.at, held, place))


def _put(at: tuple[str | None, ...], i: int, place: str | None) -> tuple[str | None, ...]:
    return (*at[:i], place, *at[i + 1 :])


def _matched(places: tuple[str, ...], visited: tuple[str, ...]) -> int:
    """How many of `places` came by in order: the longest prefix that is a subsequence."""
    done = 0
    for place in visited:
        done += done < len(places) and places[done] == place
    return done


def _mentions(goal: Goal, name: str) -> bool:
    if isinstance(goal, All | Any):
        return any(_mentions(part, name) for part in goal.goals)
    if isinstance(goal, Not):
        return _mentions(goal.goal, name)
    return isinstance(goal, At | Count | Holding) and goal.what.matches(name)
