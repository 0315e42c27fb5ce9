"""Negatives: from a task that can be done, one that differs little and cannot.

Three ways: what it asks for is not in the scene (checked by the solver), does not exist in any
kitchen, or is to be treated in a way that no skill provides.
"""

from __future__ import annotations

from random import Random

from embodied.world import catalogue
from embodied.world.facts import kind
from embodied.world.goals import At, Count, Holding, What, atoms
from planners.generate.scenes import Scene
from planners.generate.sieve import Proposal, Task
from planners.generate.words import Words

NOWHERE = (
    "hammer", "newspaper", "banana", "screwdriver", "loaf of bread", "teddy bear", "candle",
    "telephone", "frying pan", "book", "carrot", "wine glass", "pillow", "toothbrush", "cheese",
    "envelope", "battery", "umbrella", "magazine", "cucumber", "stapler", "blanket",
)  # fmt: skip
NO_SKILL = (
    "wash {x}", "cut {x} in half", "heat {x} up", "paint {x}", "open {x}", "weigh {x}",
    "freeze {x}", "wrap {x} in foil", "balance {x} on your head", "juggle {x}", "cook {x}",
    "throw {x} to me from there", "taste {x}", "describe {x} to me", "put {x} in the fridge",
    "hide {x} under the bed", "take {x} upstairs", "sell {x}", "draw {x}", "fold {x}",
)  # fmt: skip


def twin(task: Task, rng: Random) -> Proposal | str:
    """An infeasible twin of a feasible task, or why there is none."""
    make = rng.choice((absent, unknown, impossible))
    return make(task, rng)


def absent(task: Task, rng: Random) -> Proposal | str:
    """The same words in a scene that lacks what they are about. Needs no grammar."""
    proposal, whats = task.proposal, _wanted(task)
    if not whats:
        return "a twin that would need an object"
    what = rng.choice(whats)
    scene = proposal.scene
    left = {name: at for name, at in scene.objects.items() if not what.matches(name)}
    if not left or (scene.holding and scene.holding not in left):
        return "a twin that would need another scene"
    fewer = Scene(left, scene.robot_at, scene.holding)
    return Proposal(proposal.instruction, fewer, proposal.goal, "refuse")


def unknown(task: Task, rng: Random) -> Proposal | str:
    """The goal said about a thing that does not exist."""
    names = [kind(name) for what in _wanted(task) if what.one_kind for name in what.names]
    if not names or task.proposal.goal is None:
        return "a twin that would need an object"
    word, name = rng.choice(NOWHERE), rng.choice(names)
    said = Words(rng, task.proposal.scene, {name: word}).sentence(task.proposal.goal)
    if word not in said.lower():
        return "a twin whose words lost the point"
    return Proposal(said, task.proposal.scene, None, "refuse")


def impossible(task: Task, rng: Random) -> Proposal | str:
    """One of the objects, and a deed that is no skill."""
    scene = task.proposal.scene
    here = [name for name in catalogue.objects() if scene.number(name)]
    words = Words(rng, scene)
    said = words.say(rng.choice(NO_SKILL).format(x=words.thing(What((rng.choice(here),)))))
    return Proposal(said, scene, None, "refuse")


def _wanted(task: Task) -> list[What]:
    goal = task.proposal.goal
    found = atoms(goal) if goal is not None else ()
    return [atom.what for atom in found if isinstance(atom, At | Count | Holding)]
