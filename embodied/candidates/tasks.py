"""Every task that a reward can be written for: our skills, and gymnasium-robotics' tasks."""

from __future__ import annotations

import difflib

from embodied.errors import UsageError
from planners.rewards.views import Brief


def names() -> list[str]:
    """All tasks."""
    from embodied.candidates.field_views import FIELD
    from embodied.candidates.skill_views import SKILLS

    return [*SKILLS, *FIELD]


def brief(task: str) -> Brief:
    """What a reward writer is told of a task.

    Raises:
        UsageError: there is no such task; names the nearest ones.
    """
    from embodied.candidates.field_views import FIELD
    from embodied.candidates.skill_views import SKILLS

    found = SKILLS.get(task) or FIELD.get(task)
    if found is None:
        near = difflib.get_close_matches(task, names(), 3, 0.4) or names()
        raise UsageError(f"There is no task '{task}'; there is {', '.join(near)}.")
    return found.brief
