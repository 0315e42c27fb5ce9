"""The catalogue: which objects and places exist. Read once from `sim_assets`, validated, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from embodied.errors import UsageError

Shape = Literal["cylinder", "sphere", "box"]
PlaceKind = Literal["surface", "bin", "tray", "drawer"]
Spec = TypeVar("Spec", bound=BaseModel)


class ObjectSpec(BaseModel):
    """One kind of object. Sizes in metres, mass in kilograms, colours in [0, 1]."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    shape: Shape
    size: tuple[float, ...]
    mass: float
    rgba: tuple[float, float, float, float]
    look: str
    look_colors: tuple[tuple[float, float, float], ...] = ()
    description: str
    aliases: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """Half sizes of the bounding box at rest, object frame, z up [m]."""
        if self.shape == "sphere":
            return (self.size[0], self.size[0], self.size[0])
        if self.shape == "cylinder":
            return (self.size[0], self.size[0], self.size[1] / 2)
        return (self.size[0] / 2, self.size[1] / 2, self.size[2] / 2)


class PlaceSpec(BaseModel):
    """One place. Its geometry is the site ``place/<name>`` of kitchen.xml.

    Surfaces and bins can be as many as there is room for. The tray and the drawer are one each: the
    user's, whom "bring it to you" serves, and the one whose joint open and close move.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    kind: PlaceKind
    aliases: tuple[str, ...] = ()
    description: str


@cache
def objects() -> Mapping[str, ObjectSpec]:
    """All objects by name, in the order of the catalogue."""
    return _read("objects", ObjectSpec)


@cache
def places() -> Mapping[str, PlaceSpec]:
    """All places by name, in the order of the catalogue; the drawer is one of them.

    Raises:
        UsageError: there is another tray than the user's, or another drawer than the drawer.
    """
    found = _read("places", PlaceSpec)
    for kind, only in (("tray", "user"), ("drawer", "drawer")):
        if [name for name, spec in found.items() if spec.kind == kind] != [only]:
            raise UsageError(
                f"sim_assets/places.yaml must have one place of kind {kind}, the {only}; make other "
                "places a surface or a bin."
            )
    return found


def places_of(kind: PlaceKind) -> tuple[str, ...]:
    """The names of the places of one kind, in the order of the catalogue."""
    return tuple(name for name, spec in places().items() if spec.kind == kind)


def kind(instance: str) -> str:
    """The catalogue name of an instance: ``kind("coke can#2") == "coke can"``."""
    return instance.partition("#")[0]


def _read(group: str, spec: type[Spec]) -> Mapping[str, Spec]:
    text = files("sim_assets").joinpath(f"{group}.yaml").read_text(encoding="utf-8")
    try:
        entries = yaml.safe_load(text)[group]
        return {name: spec(name=name, **entry) for name, entry in entries.items()}
    except (ValidationError, TypeError, KeyError) as error:
        raise UsageError(f"sim_assets/{group}.yaml has a faulty entry: {error}") from error
