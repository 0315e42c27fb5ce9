"""The symbolic reading of one state: what is where, what is held, where the robot stands and stood.

The success detector makes `Facts` from a simulation state; goals, the solver and every planner read
nothing else. Names are those of the catalogue; a further object of a kind is an instance such as
``coke can#2``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from embodied.world.catalogue import kind as kind
from embodied.world.catalogue import places_of

SURFACES = places_of("surface")  # things can be put down here
BINS = places_of("bin")  # things end here
PLACES = (*SURFACES, *BINS, *places_of("tray"))  # the robot can be sent here
CONTAINERS = places_of("drawer")
WHEREABOUTS = PLACES + CONTAINERS  # where an object can be


@dataclass(frozen=True)
class Facts:
    """One state in symbols. Hashable; the mappings are copied and must not be changed.

    at: place of every object instance in the scene; None when it is held or lies on the floor.
        At ``user`` means handed over: in the user's hand or on the user's tray.
    holding: the instance in the gripper.
    robot_at: the place that the robot stands at; None between places.
    open: every drawer and whether it is open.
    visited: places the robot has stood at, in order, without consecutive repeats; the current one
        is the last of them.
    did: labels of skills of your own that have succeeded, in order; nothing else here tells of them.
    """

    at: Mapping[str, str | None]
    holding: str | None = None
    robot_at: str | None = None
    open: Mapping[str, bool] = field(default_factory=lambda: {"drawer": False})
    visited: tuple[str, ...] = ()
    did: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", dict(self.at))
        object.__setattr__(self, "open", dict(self.open))
        object.__setattr__(self, "visited", tuple(self.visited))
        object.__setattr__(self, "did", tuple(self.did))

    def __hash__(self) -> int:
        at, doors = frozenset(self.at.items()), frozenset(self.open.items())
        return hash((at, self.holding, self.robot_at, doors, self.visited, self.did))

    @property
    def instances(self) -> tuple[str, ...]:
        """Every object instance of the scene, the held one included."""
        held = () if self.holding is None or self.holding in self.at else (self.holding,)
        return (*self.at, *held)

    def moved_to(self, place: str | None) -> Facts:
        """The same with the robot standing at `place`."""
        if place is None or (self.visited and self.visited[-1] == place):
            return replace(self, robot_at=place)
        return replace(self, robot_at=place, visited=(*self.visited, place))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal object back."""
        return {
            "at": dict(self.at),
            "holding": self.holding,
            "robot_at": self.robot_at,
            "open": dict(self.open),
            "visited": list(self.visited),
            **({"did": list(self.did)} if self.did else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Facts:
        """Read what `to_json` wrote."""
        return cls(
            at=data["at"],
            holding=data["holding"],
            robot_at=data["robot_at"],
            open=data["open"],
            visited=tuple(data["visited"]),
            did=tuple(data.get("did", ())),
        )
