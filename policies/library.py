"""The skill library: one released skill per family, shipped ones by default, and those of your own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from embodied.errors import UsageError
from embodied.tasks import own, registry
from embodied.tasks.registry import Family
from policies import layout
from policies.affordance import Affordance
from policies.skill import Skill, checked, read_card

SHIPPED = Path(__file__).parent / "skills"
"""Folder of the shipped skills, one per family."""


def load_library(folders: Mapping[str, Path] | None = None) -> dict[str, Skill]:
    """All shipped families' skills; `folders` replaces single ones. Their success heads are checked too.

    Raises:
        UsageError: a folder is no skill, a skill of another family than it is given for, or one
            whose success head is missing or damaged.
    """
    chosen = dict(folders or {})
    library = {}
    for family, spec in registry.families().items():
        skill = load_skill(spec, chosen.get(family, SHIPPED / family), "--skills.")
        Affordance.load(skill)  # what is damaged is refused before anything has begun
        library[family] = skill
    return library


def load_own() -> dict[str, Skill]:
    """Skills of your own by name. One that cannot be used any more is told of and left out."""
    library = {}
    for folder in own.folders():
        try:
            card = read_card(folder)
            if folder.name not in own.registered() or "all" not in card.figures:
                raise UsageError(
                    f"{folder} is not as it was registered; train its task file again."
                )
            checked(folder, card, own.TASK)  # it is run next
            skill = load_skill(registry.family(folder.name), folder)
            Affordance.load(skill)
        except UsageError as error:
            print(f"your skill '{folder.name}' is left out: {error}", file=sys.stderr)
            continue
        library[folder.name] = skill
    return library


def load_skill(spec: Family, folder: Path, flag: str = "") -> Skill:
    """A family's skill.

    Args:
        flag: what a family's name follows in the flags that such folders are given by, if in any.

    Raises:
        UsageError: the folder is no skill, or one of another family or version.
    """
    skill = Skill.load(folder)
    held = skill.card.family
    if held != spec.name:
        cure = f"give it as {flag}{held}, or leave {flag}{spec.name} out to use the shipped one."
        raise UsageError(
            f"{skill.folder} holds a skill for {held}, not for {spec.name}; "
            + (cure if flag else f"name a folder of {spec.name}.")
        )
    check_layout(skill, spec)
    return skill


def check_layout(skill: Skill, spec: Family) -> None:
    """Whether a skill observes and acts as this version's task does.

    A card of before `SkillCard.observes` was kept is taken by the number of its columns alone.

    Raises:
        UsageError: saying what differs.
    """
    for what, have, want in (
        ("observations", skill.card.obs_dim, spec.make.obs_dim),  # type: ignore[attr-defined]
        ("actions", skill.card.act_dim, spec.make.act_dim),  # type: ignore[attr-defined]
    ):
        if have != want:
            raise UsageError(
                f"The skill in {skill.folder} was trained with {have} {what}, this version's "
                f"{spec.name} has {want}; train it anew: python -m embodied.train {spec.words}"
            )
    before = skill.card.observes
    if before is not None and (columns := layout.changed(before, spec)):
        told = ", ".join(map(str, columns))
        raise UsageError(
            f"The skill in {skill.folder} was trained with other observations than this version's "
            f"{spec.name} makes: of {len(before)} columns, {told} mean something else now. Train it "
            f"anew: python -m embodied.train {spec.words}"
        )


def success_rates(library: Mapping[str, Skill]) -> dict[str, float]:
    """Each family's success on fresh starts, as its card has it."""
    return {family: skill.card.figures["all"].rate for family, skill in library.items()}
