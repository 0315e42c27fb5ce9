"""Who proposes tasks: the grammar, offline, or a language model that writes words and goal itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from embodied.errors import UsageError
from embodied.world import catalogue
from embodied.world.goals import parse_goal
from planners import prompt as prompts
from planners.generate.scenes import Scene, SceneCfg, sample_scene
from planners.generate.sieve import Proposal
from planners.generate.wishes import DELIVERY, Wishes
from planners.generate.words import Words
from planners.model import CanGenerate

MAX_TOKENS = 200
PERSONS = (
    "a child", "an elderly lady", "a hurried office worker", "somebody who types without capitals",
    "a polite guest", "a learner of English", "somebody who only hints at what they need",
    "a person who gives orders in few words", "a chatty host with guests at the door",
)  # fmt: skip
LANGUAGE = """\
A goal is JSON: {"at": [WHAT, PLACE]}, {"holding": WHAT}, {"robot_at": PLACE},
{"visited": [PLACE, ...]}, {"all": [GOAL, ...]}, {"any": [GOAL, ...]}, {"not": GOAL},
{"count": {"at": [WHAT, PLACE], "min": 2, "max": 2, "distinct": true}}.
WHAT is an object's name, {"category": "soda"}, or {"one_of": ["apple", "tea"]}, the latter two
perhaps with "except": "apple". At "user" means handed over to the person."""
EXAMPLES = (
    ("could you pass me something fizzy?", {"at": [{"category": "soda"}, "user"]}),
    ("Bin the tea, and the apple belongs on the table.",
     {"all": [{"at": ["tea", "trash"]}, {"at": ["apple", "table"]}]}),
    ("I want two bags of chips here, but not the spicy ones",
     {"all": [{"count": {"at": [{"category": "chips", "except": "jalapeno chips"}, "user"],
                         "min": 2}},
              {"not": {"at": ["jalapeno chips", "user"]}}]}),
)  # fmt: skip


def by_grammar(rng: Random, lengths: tuple[int, int], cfg: SceneCfg) -> Iterator[Proposal | str]:
    """Endless proposals, aimed at plans of all lengths from .. to alike."""
    while True:
        length = rng.randint(*lengths)
        trips, rest = divmod(length, DELIVERY)
        kinds = (max(cfg.kinds[0], trips + 1), max(cfg.kinds[1], trips + 3))
        held = cfg.held if not trips else 0.9 if rest >= 2 else 0.0  # two skills put it away
        scene = sample_scene(rng, replace(cfg, kinds=kinds, held=held))
        goal = Wishes(rng, scene, cfg.drawer).sample(length)
        if goal is None:
            yield "nothing to wish for"
        else:
            yield Proposal(Words(rng, scene).sentence(goal), scene, goal)


def by_model(
    model: CanGenerate, rng: Random, lengths: tuple[int, int], cfg: SceneCfg
) -> Iterator[Proposal | str]:
    """Endless proposals of a language model, each for a scene of its own."""
    while True:
        scene = sample_scene(rng, cfg)
        errands = max(1, round(rng.randint(*lengths) / 4))
        reply = model.generate(request(scene, errands, rng.choice(PERSONS)), MAX_TOKENS)
        yield read(reply, scene)


def request(scene: Scene, errands: int, person: str) -> str:
    """What a model is asked."""
    objects = "\n".join(f"- {o.name}: {o.description}" for o in catalogue.objects().values())
    shown = "\n".join(
        f"Task: {json.dumps({'instruction': said, 'goal': goal})}" for said, goal in EXAMPLES
    )
    plural = "errand" if errands == 1 else "errands"
    return (
        "You write test instructions for a kitchen robot that fetches, carries and puts down "
        f"things.\n\n{LANGUAGE}\n\nObjects:\n{objects}\nPlaces: {', '.join(catalogue.places())}.\n\n"
        f"{shown}\n\n{prompts.scene(scene.facts())}\nWrite one new task for this scene, of "
        f"{errands} {plural}, in the words of {person}. Use only objects of the scene. Reply with "
        "the JSON of the task alone.\nTask:"
    )


def read(reply: str, scene: Scene) -> Proposal | str:
    """A model's reply as a proposal, or what is wrong with it."""
    start = reply.find("{")
    try:
        found: Any = json.JSONDecoder().raw_decode(reply[start:])[0] if start >= 0 else None
    except (json.JSONDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return "no JSON"
    said = found.get("instruction")
    if not isinstance(said, str) or not said.strip():
        return "no instruction"
    try:
        return Proposal(prompts.one_line(said), scene, parse_goal(found.get("goal")))
    except (UsageError, RecursionError):
        return "goal not understood"
