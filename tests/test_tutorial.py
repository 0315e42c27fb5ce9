"""The tutorial does what it says: its blocks are run from the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from embodied.tasks.arm import fixtures_of
from embodied.tasks.labels import enumerate_calls
from embodied.tasks.pick import PickTask
from embodied.world import catalogue
from embodied.world.scene import FixtureCfg
from policies.library import SHIPPED
from policies.rollouts import run_episodes
from policies.skill import Skill

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


@pytest.fixture
def with_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogue with the page's entry appended."""
    (entry,) = blocks("yaml")
    for name in ("objects", "places"):
        text = (ROOT / "sim_assets" / f"{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(text + (entry if name == "objects" else ""))
    monkeypatch.setattr(catalogue, "files", lambda package: tmp_path)
    catalogue.objects.cache_clear()
    yield
    catalogue.objects.cache_clear()


def test_one_entry_makes_an_object_that_the_shipped_policy_picks(with_entry: None) -> None:
    assert "tennis ball" in catalogue.objects()
    labels = [call.label for call in enumerate_calls(["tennis ball"])]
    assert "pick up the tennis ball" in labels
    cfgs = [FixtureCfg("tennis ball", height=0.68 + 0.01 * i) for i in range(12)]
    task = PickTask(12, easy=0.0, fixtures=fixtures_of(cfgs, 1))
    assert run_episodes(task, Skill.load(SHIPPED / "pick").act, 1, seed=0).success.sum() >= 10


def test_one_class_makes_a_skill_that_learns() -> None:
    torch.manual_seed(0)
    held: dict[str, object] = {"STARTS": 48, "STEPS": 48 * 16 * 14}
    for block in blocks("python"):
        exec(compile(block, "docs/tutorial.md", "exec"), held)
    env = held["env"]
    near = env.term_means["near"]  # type: ignore[attr-defined]
    env.reset()  # type: ignore[attr-defined]
    env.step_tensors(torch.zeros(48, 5))  # type: ignore[attr-defined]
    assert near > env.term_means["near"] + 0.1  # type: ignore[attr-defined]
    assert len(held["ended"].success) == 48  # type: ignore[attr-defined]
