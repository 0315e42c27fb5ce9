"""The skill library: one released skill per family, shipped ones by default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from policies.affordance import Affordance
from policies.skill import Skill

SHIPPED = Path(__file__).parent / "skills"
"""Folder of the shipped skills, one per family."""


def load_library(folders: Mapping[str, Path] | None = None) -> dict[str, Skill]:
    """All families' skills; `folders` replaces single ones. Their success heads are checked too.

    Raises:
        UsageError: a folder is no skill, a skill of another family than it is given for, or one
            whose success head is missing or damaged.
    """
    from embodied.errors import UsageError
    from embodied.tasks import registry

    chosen = dict(folders or {})
    library = {}
    for family in registry.families():
        skill = Skill.load(chosen.get(family, SHIPPED / family))
        if skill.card.family != family:
            raise UsageError(
                f"{skill.folder} holds a skill for {skill.card.family}, not for {family}; give it "
                f"as --skills.{skill.card.family}, or leave --skills.{family} out to use the "
                "shipped one."
            )
        Affordance.load(skill)  # what is damaged is refused before anything has begun
        library[family] = skill
    return library


def success_rates(library: Mapping[str, Skill]) -> dict[str, float]:
    """Each family's success on fresh starts, as its card has it."""
    return {family: skill.card.figures["all"].rate for family, skill in library.items()}
