"""Skills of your own: the folder in which trained ones are kept, and what their labels read like.

    <home>/skills/<name>/   a skill folder (see `policies.skill`) with the task file it was trained from

`home` is ``$EMBODIED_HOME``, or ``~/.embodied``. A label's template names what is filled in:
``hover over the {object}``, ``stack the {object} on the {place}``, or nothing: ``rattle the drawer``.
What a task file is, and how one is read, says `task_file`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from embodied.errors import UsageError
from embodied.outputs import write_fault

LITTLE = frozenset(
    "a an the this that my to of on in at into onto over above under with from for up down out off "
    "it me you robot please".split()
)
"""Words that who asks may leave out or say otherwise."""
SHIPPED = frozenset(
    "bring get fetch give hand pick take grab lift put place set lay drop throw bin move carry go drive "
    "come find open close shut done".split()
)
"""Words by which the shipped skills are asked for: a label needs another one."""
TASK = "task.py"
CARD = "skill.json"
_FIELDS = {"object", "place"}
PLACEHOLDERS = {
    "pick": (frozenset({"object"}),),
    "place": (frozenset({"object"}), frozenset({"object", "place"})),
    "open": (frozenset[str](),),
    "close": (frozenset[str](),),
}
"""What a label names, by the family that its skill extends: what goals of that family are made of."""


@dataclass(frozen=True)
class OwnSkill:
    """One skill of your own, as labels and planner know it.

    label: template of its labels. aliases: further ones, other ways to ask for it.
    base: the shipped family whose task its own extends: grounding, starts and what has to hold
        before it begins are that family's.
    """

    name: str
    label: str
    base: str
    folder: Path
    aliases: tuple[str, ...] = ()

    def of(self, obj: str | None = None, place: str | None = None) -> str:
        """The label about a thing and a place."""
        return self.label.format(object=obj, place=place)

    @property
    def fields(self) -> frozenset[str]:
        """Which of ``object`` and ``place`` the template names."""
        return fields(self.label)

    def read(self, label: str) -> tuple[str | None, str | None] | None:
        """(object, place) of a label of this skill, None for any other."""
        parts = re.split(r"\{(\w+)\}", self.label)
        made = [f"(?P<{p}>.+)" if i % 2 else re.escape(p) for i, p in enumerate(parts)]
        found = re.fullmatch("".join(made), label)
        return (found.groupdict().get("object"), found.groupdict().get("place")) if found else None


def fields(label: str) -> frozenset[str]:
    """The placeholders of a template.

    Raises:
        UsageError: it names others than ``{object}`` and ``{place}``, or one of them twice.
    """
    found = re.findall(r"\{([^{}]*)\}", label)
    bare = re.sub(r"\{\w+\}", "", label)
    if not set(found) <= _FIELDS or len(found) != len(set(found)) or re.search("[{}]", bare):
        raise UsageError(
            f"The label '{label}' may name {{object}} and {{place}}, each once, and nothing else in "
            "braces."
        )
    if not bare.strip() or not re.fullmatch(r"[a-z0-9{][a-z0-9{} '-]*", label) or "  " in label:
        raise UsageError(
            f"The label {label!r} has to be words of small letters and figures, one blank between them."
        )
    return frozenset(found)


def words(label: str) -> list[str]:
    """What a template says by itself, without placeholders and little words."""
    return [word for word in re.sub(r"\{\w+\}", " ", label).split() if word not in LITTLE]


def check_label(label: str, base: str) -> None:
    """Whether a template can be that of a skill which extends `base`.

    Raises:
        UsageError: it is none, its placeholders are not what goals of that family are made of, or
            it says only what the shipped skills are asked for by.
    """
    named, allowed = fields(label), PLACEHOLDERS[base]
    if named not in allowed:
        wants = " or ".join(
            " and ".join(f"{{{name}}}" for name in sorted(names)) or "nothing in braces"
            for names in allowed
        )
        raise UsageError(f"The label '{label}' extends '{base}', so it needs {wants}.")
    if set(words(label)) <= SHIPPED:
        raise UsageError(
            f"The label '{label}' says what the shipped skills are asked for by; add or take a word "
            "of its own."
        )


def home() -> Path:
    """Where what is your own is kept."""
    return Path(os.environ.get("EMBODIED_HOME") or "~/.embodied").expanduser()


def skills_folder() -> Path:
    """Where trained skills of your own are kept, one folder each."""
    return home() / "skills"


def registered() -> Mapping[str, OwnSkill]:
    """All skills of your own by name. A folder whose card cannot be read is none (see `folders`)."""
    return _registered(skills_folder())


def folders() -> list[Path]:
    """All folders that are kept, readable or not, by name."""
    return sorted(p for p in skills_folder().glob("[!.]*") if p.is_dir())


@cache
def _registered(folder: Path) -> Mapping[str, OwnSkill]:
    found = {}
    for path in sorted(folder.glob(f"*/{CARD}")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            name, own = card["family"], card["own"]
            aliases = tuple(map(str, own["aliases"]))
            skill = OwnSkill(name, str(own["label"]), str(own["base"]), path.parent, aliases)
            for template in (skill.label, *aliases):
                fields(template)
        except (OSError, ValueError, KeyError, TypeError, UsageError):
            continue
        if name == path.parent.name:
            found[name] = skill
    return found


def make_folder() -> Path:
    """The folder for trained skills of your own, made if there is none.

    Raises:
        EnvironmentFault: it cannot be.
    """
    folder = skills_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(folder, error) from error
    return folder


def register(name: str, skill: Path) -> Path:
    """Keeps a trained skill: from now on the robot has it. It takes the place of one so named.

    Args:
        skill: its folder, which holds the task file, too.

    Returns: the folder that it is kept in.

    Raises:
        EnvironmentFault: it cannot be written; what was kept before still is.
    """
    kept = make_folder() / name
    fresh, old = kept.with_name(f".{name}.new"), kept.with_name(f".{name}.old")
    try:
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(skill, fresh)
        if kept.exists():
            kept.rename(old)
        fresh.rename(kept)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if old.exists() and not kept.exists():
            old.rename(kept)
        raise write_fault(kept, error) from error
    shutil.rmtree(old, ignore_errors=True)
    forget()
    return kept


def forget() -> None:
    """Has the folder looked at anew: somebody else has written there."""
    _registered.cache_clear()
