"""Whether an episode succeeded. The goal's predicates, read off the state, are the only judge."""

from __future__ import annotations

from typing import Any


def judge(item: Any, verdict: str, holds: bool) -> tuple[bool, str]:
    """Whether an episode succeeded, and what went wrong if not.

    `expect: refuse` wants a refusal, `ask` a question; anything else wants the goal to hold and the
    planner to say done.
    """
    wanted = {"refuse": "refused", "ask": "asked"}.get(item.expect)
    if wanted:
        return verdict == wanted, "" if verdict == wanted else f"did not {item.expect}"
    if verdict in ("refused", "asked"):
        return False, verdict
    if verdict == "success":
        return (True, "") if holds else (False, "said done too early")
    return False, "kept going after the goal held" if holds else verdict
