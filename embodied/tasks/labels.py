"""The skill labels: what a planner may choose, what each does when it succeeds, when it can.

A label is one instance of a skill family, e.g. ``place the sponge on the table``. `ideal_effect`
and `feasible` are the symbolic twin of the skills. The solver and the embedded model's training use
them; the closed loop does not: there, whether a skill can work is the learned affordance's word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from embodied.errors import UsageError
from embodied.tasks import own
from embodied.world import catalogue
from embodied.world.facts import BINS, PLACES, SURFACES, WHEREABOUTS, Facts, kind

Family = Literal["navigate", "pick", "place", "open", "close", "done"]

FAMILIES: tuple[Family, ...] = get_args(Family)

OUT_OF_REACH = BINS  # too deep: what lies there cannot be picked up again
PLACE_TARGETS = (*SURFACES, *BINS)  # "place X on/in L"; the user is served by "bring it to you"
DRAWER = "drawer"  # the one container; without a skill that opens it, no label leads to it


@dataclass(frozen=True)
class SkillCall:
    """One thing the robot can be told to do.

    family: a shipped one, or the name of a skill of your own.
    kind: find | go to | pick up | put down | place | bring | open | close | done, or that name.
    obj: the object instance it is about, if the label names one.
    place: where the robot goes or where the object ends, if the label says so.
    base: the shipped family whose task it is, or extends.
    """

    label: str
    family: str
    kind: str
    obj: str | None = None
    place: str | None = None
    base: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", self.base or self.family)

    @property
    def own(self) -> bool:
        """Whether it is a skill of your own."""
        return self.base != self.family


DONE = SkillCall("done", "done", "done")
BRING = SkillCall("bring it to you", "place", "bring", place="user")
OPEN = SkillCall("open the drawer", "open", "open", place=DRAWER)
CLOSE = SkillCall("close the drawer", "close", "close", place=DRAWER)


def find(obj: str) -> SkillCall:
    """Drive to where `obj` is and stand in front of it."""
    return SkillCall(f"find the {obj}", "navigate", "find", obj=obj)


def go_to(place: str) -> SkillCall:
    """Drive to `place`."""
    return SkillCall(f"go to the {place}", "navigate", "go to", place=place)


def pick_up(obj: str) -> SkillCall:
    """Grasp `obj`; works standing in front of it with an empty gripper."""
    return SkillCall(f"pick up the {obj}", "pick", "pick up", obj=obj)


def put_down(obj: str) -> SkillCall:
    """Put the held `obj` on the surface where the robot stands."""
    return SkillCall(f"put down the {obj}", "place", "put down", obj=obj)


def place(obj: str, where: str) -> SkillCall:
    """Put the held `obj` on (or into) `where`, where the robot stands."""
    if where == "user":
        return BRING
    word = "on" if where in SURFACES else "in"
    return SkillCall(f"place the {obj} {word} the {where}", "place", "place", obj=obj, place=where)


def of_own(skill: own.OwnSkill, obj: str | None, where: str | None) -> SkillCall:
    """What a skill of your own does with `obj`, at `where`."""
    where = DRAWER if skill.base in ("open", "close") else where
    return SkillCall(skill.of(obj, where), skill.name, skill.name, obj, where, skill.base)


_BY_START = {"find the ": find, "pick up the ": pick_up, "put down the ": put_down}


def opens(families: Collection[str]) -> bool:
    """Whether skills of these families make the drawer's inside a place like any other."""
    return "open" in families


def enumerate_calls(
    objects: Iterable[str], families: Collection[str] = FAMILIES
) -> list[SkillCall]:
    """Every label for a scene with these instances, `done` last; the order is fixed.

    Catalogue objects that the scene lacks are included under their bare name: an instruction may
    name them, and it is the affordance that says they cannot be done here.

    Args:
        families: of the skills that the robot has; labels of others are left out.
    """
    scene = list(dict.fromkeys(objects))
    present = {kind(instance) for instance in scene}
    names = [*scene, *(name for name in catalogue.objects() if name not in present)]
    inside = (DRAWER,) if opens(families) else ()
    calls = [find(name) for name in names] + [go_to(where) for where in (*PLACES, *inside)]
    for name in names:
        targets = (*PLACE_TARGETS, *inside)
        calls += [pick_up(name), put_down(name), *(place(name, to) for to in targets)]
    calls += [OPEN, CLOSE, BRING, *_own_calls(names, (*PLACE_TARGETS, *inside))]
    return [*(call for call in calls if call.family in families), DONE]


def _own_calls(names: Iterable[str], targets: Iterable[str]) -> list[SkillCall]:
    """Every label of every skill of your own."""
    return [
        of_own(skill, obj, where)
        for skill in own.registered().values()
        for obj in (names if "object" in skill.fields else [None])
        for where in (targets if "place" in skill.fields else [None])
    ]


def parse_label(label: str) -> SkillCall:
    """The call that a label stands for.

    Raises:
        UsageError: nothing reads like that.
    """
    for call in (DONE, BRING, OPEN, CLOSE):
        if label == call.label:
            return call
    for start, make in _BY_START.items():
        if label.startswith(start) and label != start:
            return make(label.removeprefix(start))
    if label.startswith("go to the ") and label.removeprefix("go to the ") in WHEREABOUTS:
        return go_to(label.removeprefix("go to the "))
    for where in (*PLACE_TARGETS, DRAWER):
        for end in (f" on the {where}", f" in the {where}"):
            if label.startswith("place the ") and label.endswith(end):
                call = place(label.removeprefix("place the ").removesuffix(end), where)
                if call.label == label and call.obj:
                    return call
    for skill in own.registered().values():
        read = skill.read(label)
        if read is not None:
            return of_own(skill, *read)
    raise UsageError(f"No skill is called '{label}'; labels look like 'pick up the sponge'.")


def feasible(call: SkillCall, facts: Facts) -> bool:
    """Whether the call can succeed, in symbols, which do not see in front of what the robot stands.

    For the solver and for training the embedded model only; see the module's docstring.
    """
    if call.kind == "find":
        return call.obj is not None and facts.at.get(call.obj) is not None
    if call.own and call.base == "place":
        return facts.holding == call.obj and call.place in (None, facts.robot_at)
    if call.own and call.base != "pick":
        return facts.robot_at == call.place and facts.holding is None
    if call.base == "pick":
        where = facts.at.get(call.obj or "")
        reachable = where is not None and where not in OUT_OF_REACH and not _shut(where, facts)
        return facts.holding is None and reachable and facts.robot_at == where
    if call.kind == "put down":
        return facts.holding == call.obj and facts.robot_at in SURFACES
    if call.kind == "place":
        here = facts.robot_at == call.place and not _shut(call.place, facts)
        return facts.holding == call.obj and here
    if call.kind in ("open", "close"):  # with an empty gripper, standing before it
        ready = facts.robot_at == call.place and facts.holding is None
        return ready and _shut(call.place, facts) == (call.kind == "open")
    if call.kind == "bring":
        return facts.holding is not None and facts.robot_at == "user"
    return True  # go to, done


def _shut(where: str | None, facts: Facts) -> bool:
    return where == DRAWER and not facts.open.get(DRAWER, False)


def ideal_effect(call: SkillCall, facts: Facts) -> Facts:
    """The state after the call succeeded. A call that is not feasible changes nothing."""
    if not feasible(call, facts) or call.kind == "done":
        return facts
    if call.own:
        return replace(facts, did=(*facts.did, call.label))
    if call.kind == "go to":
        return facts.moved_to(call.place)
    if call.kind == "find":
        return facts.moved_to(facts.at[call.obj or ""])
    if call.kind == "pick up":
        return replace(facts, at={**facts.at, call.obj or "": None}, holding=call.obj)
    if call.kind in ("open", "close"):
        return replace(facts, open={**facts.open, call.place or "": call.kind == "open"})
    end = {"bring": "user", "put down": facts.robot_at, "place": call.place}[call.kind]
    return replace(facts, at={**facts.at, facts.holding or "": end}, holding=None)
