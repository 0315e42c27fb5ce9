"""The catalogue: which objects and places exist. Read once from `sim_assets`, validated, immutable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from embodied.errors import UsageError
from embodied.lined_yaml import StrictLoader

Shape = Literal["cylinder", "sphere", "box"]
PlaceKind = Literal["surface", "bin", "tray", "drawer"]
Spec = TypeVar("Spec", bound=BaseModel)
_NAME = re.compile("[a-z0-9]+([ -][a-z0-9]+)*")
_TAKEN = "done"  # the label that ends a plan


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
    """The entries of one file by name.

    Raises:
        UsageError: the file is no YAML, or a name or an entry is faulty.
    """
    file = f"sim_assets/{group}.yaml"
    try:
        text = files("sim_assets").joinpath(f"{group}.yaml").read_text("utf-8")
        tree = yaml.load(text, Loader=StrictLoader)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{file}{line}: this is not valid YAML ({problem}); mend it.") from error
    entries = tree.get(group) if isinstance(tree, Mapping) else None
    if not isinstance(entries, Mapping) or not entries:
        raise UsageError(f"{file} needs '{group}:', and under it each name with what it is.")
    return {name: _entry(file, name, entry, spec) for name, entry in entries.items()}


def _entry(file: str, name: object, entry: object, spec: type[Spec]) -> Spec:
    """One entry; labels, goals and plans are made of its name, so that not every one will do."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == _TAKEN:
        raise UsageError(
            f"{file}: nothing can be called '{name}'; a name is small letters and digits, single "
            f"spaces or hyphens between, and '{_TAKEN}' is taken."
        )
    if not isinstance(entry, Mapping):
        raise UsageError(f"{file}: '{name}' needs its fields in braces; got '{entry}'.")
    try:
        return spec.model_validate({**entry, "name": name})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{file}: '{name}' has a faulty '{where}' ({first['msg']}, got {first['input']!r}); the "
            "other entries show what it takes."
        ) from error
