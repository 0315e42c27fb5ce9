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
    """One place. Its geometry is the site ``place/<name>`` of kitchen.xml."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    kind: Literal["surface", "bin", "tray", "drawer"]
    aliases: tuple[str, ...] = ()
    description: str


@cache
def objects() -> Mapping[str, ObjectSpec]:
    """All objects by name, in the order of the catalogue."""
    return _read("objects", ObjectSpec)


@cache
def places() -> Mapping[str, PlaceSpec]:
    """All places by name, in the order of the catalogue; the drawer is one of them."""
    return _read("places", PlaceSpec)


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
