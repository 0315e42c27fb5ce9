"""Instructions played through in symbols: only the reading and the deciding are judged.

Hard feasibility stands in for the affordances and ideal effects for the skills, so that a hundred
phrasings take seconds. `python -m planners.embedded.rehearsal LIST.yaml` prints the share of goals
reached (and of refusals made) per family of a list in the suite format.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from embodied.tasks.labels import FAMILIES, enumerate_calls, feasible, ideal_effect
from embodied.world.facts import Facts
from embodied.world.goals import parse_goal
from planners.embedded.model import EmbeddedModel
from planners.model import SUCCESS, Prompt, Step

DRAWERLESS = tuple(f for f in FAMILIES if f not in ("open", "close"))
Verdict = Literal["right", "wrong goal", "wrong refusal", "missed refusal"]


def start(item: Mapping[str, Any]) -> Facts:
    """The facts at the start of a suite's item."""
    robot, at = item["start"]["robot"], dict(item["start"]["objects"])
    if robot["holding"]:
        at[robot["holding"]] = None
    visited = (robot["at"],) if robot["at"] else ()
    is_open = bool(item["start"].get("open", False))
    return Facts(at, robot["holding"], robot["at"], {"drawer": is_open}, visited)


def follow(
    model: EmbeddedModel,
    said: str,
    now: Facts,
    families: Collection[str] = FAMILIES,
    limit: int = 30,
) -> tuple[Facts, list[str]]:
    """Choose by probability x feasibility until done; the facts at the end and the labels."""
    calls, history, trail = enumerate_calls(now.instances, families), [], [now]
    for _ in range(limit):
        prompt = Prompt(said, tuple(history), now, trail=tuple(trail))
        p = model.score(prompt, calls).p
        call = calls[int(np.argmax(p * [feasible(c, now) for c in calls]))]
        if call.kind == "done":
            break
        now = ideal_effect(call, now)
        history.append(Step(call.label, SUCCESS))
        trail.append(now)
    return now, [step.label for step in history]


def judge(
    model: EmbeddedModel, item: Mapping[str, Any], families: Collection[str] = FAMILIES
) -> Verdict:
    """What becomes of one item of a suite (questions are not asked here)."""
    now = start(item)
    calls = enumerate_calls(now.instances, families)
    refused = model.refuse(Prompt(item["instruction"], (), now), calls) is not None
    if item.get("expect") == "refuse":
        return "right" if refused else "missed refusal"
    if refused:
        return "wrong refusal"
    end, _ = follow(model, item["instruction"], now, families)
    return "right" if parse_goal(item["goal"]).holds(end) else "wrong goal"


def main(paths: list[str]) -> None:
    """Prints one line per list: the total, the families, the kinds of error."""
    model = EmbeddedModel()
    for path in paths:
        items = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["items"]
        verdicts: dict[str, list[Verdict]] = defaultdict(list)
        for item in items:
            families = FAMILIES if item.get("drawer") else DRAWERLESS
            verdicts[item["family"]].append(judge(model, item, families))
        every = [v for family in verdicts.values() for v in family]
        print(f"{Path(path).stem}: {every.count('right')} of {len(every)}")
        for family, marks in verdicts.items():
            print(f"  {family:17} {marks.count('right')}/{len(marks)}")
        wrong = {v: every.count(v) for v in sorted(set(every)) if v != "right"}
        print(f"  errors: {wrong or 'none'}")


if __name__ == "__main__":
    main(sys.argv[1:])
