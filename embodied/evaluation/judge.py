"""Whether an episode succeeded. The goal's predicates, read off the state, are the only judge."""

from __future__ import annotations

from typing import Any


def judge(item: Any, verdict: str, holds: bool) -> bool:
    """Whether an episode succeeded; `faults` says what went wrong if not.

    `expect: refuse` wants a refusal, `ask` a question; anything else wants the goal to hold and the
    planner to say done.
    """
    wanted = {"refuse": "refused", "ask": "asked"}.get(item.expect)
    return verdict == wanted if wanted else verdict == "success" and holds
