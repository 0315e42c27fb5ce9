"""Ideal effects on the real simulation state: what plan mode does in place of acting.

Affordances are still computed from the simulation, so only the deciding is judged. A call whose
conditions do not hold (an absent object, a full gripper, the wrong place) fails here, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from embodied.tasks.grounding import ground
from embodied.tasks.labels import SkillCall, feasible
from embodied.world.kitchen import Kitchen
from embodied.world.people import in_the_way
from policies.execute import Outcome


class IdealExecutor:
    """Carries out calls by putting robot and objects where success would leave them."""

    def __init__(self, kitchen: Kitchen) -> None:
        self.kitchen = kitchen

    def run(self, call: SkillCall, on_step: Callable[[float], None]) -> Outcome:
        """Takes the call's ideal effect, or fails if it cannot have one."""
        kitchen = self.kitchen
        request = ground(call, kitchen)
        if not request.present or not feasible(call, kitchen.facts()):
            return Outcome(False, "it cannot be done from here", 1)
        if request.stand is not None and in_the_way(kitchen, request.stand):
            return Outcome(False, "somebody stands in the way", 1)
        if call.own:
            kitchen.did.append(call.label)
        elif request.stand is not None:
            kitchen.set_robot(request.stand)
            kitchen.settle(3)
        elif call.family == "pick":
            assert call.obj is not None
            kitchen.set_held(call.obj)
        elif call.family in ("open", "close"):
            kitchen.set_drawer(kitchen.travel if call.family == "open" else 0.0)
            kitchen.settle(3)
        else:
            self._put(call, request.place)
        on_step(0.0)
        return Outcome(True, "", 1)

    def _put(self, call: SkillCall, where: str | None) -> None:
        kitchen, held = self.kitchen, self.kitchen.holding()
        assert held is not None and where is not None
        request = ground(call, kitchen)
        assert request.goal is not None
        spot = request.goal.spot[0].numpy().astype(float)
        kitchen.open_gripper()
        if kitchen.place(where).kind == "bin":
            spot = np.array([spot[0], spot[1], 0.04])
        kitchen.set_object(held, spot, 0.0, where)
        kitchen.settle(8)
