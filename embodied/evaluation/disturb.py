"""Disturbances: what a suite item lets happen to the world while the robot works.

`Disturber` stands between the closed loop and what acts. Neither the loop nor the planner is told:
they read the state again after every skill, as ever. What happens is done by `embodied.world.people`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from embodied.episode import Act
from embodied.suites import Disturbance
from embodied.tasks.grounding import ground
from embodied.tasks.labels import SkillCall, parse_label
from embodied.world import people
from embodied.world.facts import kind
from embodied.world.kitchen import Kitchen
from policies.execute import Outcome

HALF_WAY = 1.0  # s into an arm skill; a drive is half way at half its distance
_FALL = 25  # control steps until what was dropped lies where it stays


@dataclass
class _Block:
    place: str
    tries: int


class Disturber:
    """Carries out calls by `act` and lets each event happen once, when its skill is first tried.

    Args:
        events: of the item.
        tell: is told in words what happened.
    """

    def __init__(
        self,
        kitchen: Kitchen,
        act: Act,
        events: Sequence[Disturbance] = (),
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.kitchen, self.act, self.tell = kitchen, act, tell
        self.waiting = list(events)
        self.blocks: list[_Block] = []
        self.happened: list[str] = []

    def run(self, call: SkillCall, on_step: Callable[[float], None]) -> Outcome:
        """See `episode.Act`. A skill that is cut short by an event still ends by itself."""
        due = [event for event in self.waiting if meant(event, call)]
        self.waiting = [event for event in self.waiting if event not in due]
        sudden = [event for event in due if event.during]
        half = self._half_way(call)

        def tick(seconds: float) -> None:
            if sudden and half(seconds):
                self._happen(sudden, call)
            on_step(seconds)

        before = len(self.happened)
        outcome = self._blocked(call, tick)
        self._happen(sudden, call)
        self._happen([event for event in due if not event.during], call)
        if len(self.happened) > before:
            self.kitchen.settle(_FALL)
        return outcome

    def _half_way(self, call: SkillCall) -> Callable[[float], bool]:
        stand = ground(call, self.kitchen).stand
        if stand is None:
            return lambda seconds: seconds >= HALF_WAY
        far = self._distance(stand)
        return lambda seconds: self._distance(stand) <= far / 2

    def _distance(self, stand: np.ndarray) -> float:
        here = self.kitchen.state.base_pose[0, :2].numpy()
        return float(np.linalg.norm(stand[:2] - here))

    def _blocked(self, call: SkillCall, tick: Callable[[float], None]) -> Outcome:
        """Acts, with somebody in the way if the drive leads to a blocked place."""
        kitchen, request = self.kitchen, ground(call, self.kitchen)
        block = next((b for b in self.blocks if b.tries and b.place == request.place), None)
        if block is None or request.stand is None:
            return self.act(call, tick)
        people.stand_in_the_way(kitchen, request.stand)
        outcome = self.act(call, tick)
        people.step_aside(kitchen)
        block.tries -= not outcome.success
        return outcome

    def _happen(self, events: list[Disturbance], call: SkillCall) -> None:
        """Lets the events happen, and forgets them."""
        while events:
            event = events.pop(0)
            text = self._do(event, self._object(event, call))
            self.happened.append(text)
            self.tell(text)

    def _object(self, event: Disturbance, call: SkillCall) -> str | None:
        """The instance that is meant: of equal ones, the one that the robot is busy with."""
        held = self.kitchen.holding()
        for busy in (call.obj, held):
            if event.object is not None and busy is not None and kind(busy) == kind(event.object):
                return busy
        return event.object or held

    def _do(self, event: Disturbance, thing: str | None) -> str:
        kitchen, place = self.kitchen, event.place
        if event.do == "block":
            assert place is not None
            self.blocks.append(_Block(place, event.tries))
            return f"somebody stands in the way at the {place}"
        if event.do == "shut":
            people.shut_drawer(kitchen)
            return "somebody shut the drawer"
        if thing is None or not kitchen.has(thing):
            return f"nothing: there is no {thing or 'object in the gripper'} to {event.do}"
        if event.do == "take":
            people.take_away(kitchen, thing)
            return f"somebody took the {thing} away"
        if place is not None:
            people.put(kitchen, thing, place)
            how = "fell and ended" if event.do == "drop" else "was put by somebody"
            return f"the {thing} {how} at the {place}"
        if kitchen.holding() != thing:
            return f"nothing: the {thing} was not in the gripper to drop"
        people.let_go(kitchen)
        return f"the {thing} slipped out of the gripper"


def meant(event: Disturbance, call: SkillCall) -> bool:
    """Whether the event waits for this call. A label without a number means any of its kind."""
    wanted = parse_label(event.label)
    if event.label == call.label:
        return True
    alike = (wanted.kind, wanted.place) == (call.kind, call.place)
    if wanted.obj is None or call.obj is None or "#" in wanted.obj:
        return False
    return alike and wanted.obj == kind(call.obj)
