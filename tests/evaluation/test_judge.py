"""Success and failure of an episode, by what was expected of it."""

from types import SimpleNamespace

import pytest

from embodied.evaluation.judge import judge


@pytest.mark.parametrize(
    ("expect", "verdict", "holds", "success"),
    [
        ("done", "success", True, True),
        ("done", "success", False, False),  # said done too early
        ("done", "step_limit", True, False),  # never said done
        ("done", "refused", True, False),
        ("refuse", "refused", False, True),
        ("refuse", "success", True, False),
        ("ask", "asked", False, True),
        ("ask", "refused", False, False),
        ("done", "asked", True, False),
    ],
)
def test_judging(expect: str, verdict: str, holds: bool, success: bool) -> None:
    assert judge(SimpleNamespace(expect=expect, answer=()), verdict, holds) is success
