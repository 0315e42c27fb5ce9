"""Tasks as a suite file: a curriculum, the shortest plans first, each twin behind its task."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from planners.generate.sieve import Task

REFUSAL_SKILLS = 8  # that may be tried where nothing can be done


def render(name: str, tasks: Sequence[Task], twins: Mapping[int, Task]) -> str:
    """The file's text; the same tasks, the same bytes.

    Args:
        twins: infeasible twins by the index of the task that they were made from.
    """
    lines = [f"suite: {name}", "items:"]
    numbered: Counter[str] = Counter()
    for i, task in enumerate(tasks):
        family = f"len_{task.length:02d}"
        numbered[family] += 1
        ident = f"{family.replace('_', '-')}-{numbered[family]:03d}"
        lines += item(task, ident, family)
        if i in twins:
            lines += item(twins[i], f"{ident}-twin", "refuse")
    return "\n".join(lines) + "\n"


def item(task: Task, ident: str, family: str) -> list[str]:
    """One item, as lines of YAML; 1.5 times the shortest plan, and two more, may be tried."""
    proposal = task.proposal
    room = math.ceil(1.5 * task.length + 2) if task.length else REFUSAL_SKILLS
    goal = proposal.goal.to_json() if proposal.goal is not None else None
    return [
        f"  - id: {ident}",
        f"    family: {family}",
        f"    instruction: {json.dumps(proposal.instruction, ensure_ascii=False)}",
        f"    start: {flow(proposal.scene.to_json())}",
        f"    goal: {flow(goal)}",
        f"    max_skills: {room}",
        f"    expect: {proposal.expect}",
    ]


def flow(value: Any) -> str:
    """A value on one line."""
    if value is None:
        return "null"
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1 << 20)
    return text.strip()
