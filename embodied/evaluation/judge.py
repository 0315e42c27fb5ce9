"""Whether an episode succeeded. The goal's predicates, read off the state, are the only judge."""

from __future__ import annotations

from typing import Any


def judge(item: Any, verdict: str, holds: bool, asked: bool = False) -> bool:
    """Whether an episode succeeded; `faults` says what went wrong if not.

    `expect: refuse` wants a refusal. `ask` wants a question before the first skill, and, where the
    item has an answer, the goal reached after it. Anything else wants the goal to hold, the planner
    to say done, and no question.

    Args:
        asked: whether a question came before the first skill.
    """
    if item.expect == "refuse":
        return verdict == "refused"
    if item.expect == "ask" and not item.answer:
        return verdict == "asked"
    return verdict == "success" and holds and asked == (item.expect == "ask")
