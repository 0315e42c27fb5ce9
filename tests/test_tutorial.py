"""The tutorial does what it says: its blocks are run from the page."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from embodied import train
from embodied.episode import run_episode
from embodied.scenes import build, load_scene
from embodied.tasks.arm import fixtures_of
from embodied.tasks.labels import enumerate_calls, parse_label
from embodied.tasks.pick import PickTask
from embodied.trace import load_trace
from embodied.world import catalogue
from embodied.world.scene import FixtureCfg
from planners import load_language_model
from planners.saycan import SayCan, SayCanCfg
from policies.execute import Executor
from policies.library import SHIPPED, load_library, load_own, success_rates
from policies.rollouts import run_episodes
from policies.skill import Skill
from policies.values import Values

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


@pytest.fixture
def with_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogue with the page's entry appended."""
    entry = blocks("yaml")[0]
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


@pytest.fixture
def with_place(tmp_path: Path) -> Path:
    """A folder to work in, with a copy of the kitchen's files that has the page's place added."""
    shutil.copytree(ROOT / "sim_assets", tmp_path / "sim_assets")
    kitchen, places = tmp_path / "sim_assets/kitchen.xml", tmp_path / "sim_assets/places.yaml"
    before, end, after = kitchen.read_text().rpartition("  </worldbody>")
    kitchen.write_text(before + blocks("xml")[0] + end + after)
    places.write_text(places.read_text() + blocks("yaml")[1])
    return tmp_path


SUITE = """
suite: shelf
items:
  - id: off
    family: shelf
    instruction: "bring me the apple from the rack"
    start: {robot: {at: shelf}, objects: {apple: shelf, sponge: table}}
    goal: {at: [apple, user]}
"""


def in_folder(folder: Path, command: Sequence[str]) -> None:
    """Run one of the program's commands there; the folder's own `sim_assets` come first."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, *command, "--out", "out"]
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_site_and_one_entry_make_a_place_for_the_shipped_policies(with_place: Path) -> None:
    python, *command = shlex.split(blocks("console")[0])
    assert python == "python"
    in_folder(with_place, [*command, "--no-video"])
    events = load_trace(with_place / "out" / "events.jsonl")
    assert events[-1]["outcome"] == "success"
    assert events[-1]["facts"]["at"]["sponge"] == "shelf"
    done = [event["label"] for event in events if event["type"] == "skill_ended"]
    assert done[-2:] == ["go to the shelf", "place the sponge on the shelf"]


def test_suites_and_goals_take_a_place_of_ones_own(with_place: Path) -> None:
    (with_place / "suite.yaml").write_text(SUITE)
    in_folder(with_place, ["-m", "embodied.evaluate", "suite.yaml", "--seeds", "1", "--jobs", "1"])
    total = json.loads((with_place / "out" / "results.json").read_text())["summary"]["total"]
    assert total["plan_success"]["rate"] == total["execution_success"]["rate"] == 1.0


def test_one_file_and_one_command_make_a_skill_that_the_robot_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBODIED_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    Path("hover.py").write_text(code, encoding="utf-8")
    assert train.main(["hover.py", "--preset", "smoke", "--steps", "60000"]) == 0
    assert "registered" in capsys.readouterr().out
    library = load_library() | load_own()
    figure = library["hover"].card.figures["all"]
    assert figure.rate > 0.9, "an untrained policy reaches next to none"
    assert library["hover"].card.affordance["report"]["auroc"] > 0.9

    kitchen = build(load_scene(None), 0, visuals=False)
    executor = Executor(kitchen, library)
    values = Values(library, executor.map)
    planner = SayCan(load_language_model("embedded"), SayCanCfg(), success_rates(library))
    said = "float above the sponge for a moment"
    result = run_episode(said, kitchen, planner, values, executor.run, families=library)
    labels = [step.label for step in result.history]
    assert (result.verdict, labels[-1]) == ("success", "hover over the sponge"), labels
    assert kitchen.facts().did == ("hover over the sponge",)
    parse_label("hover over the sponge")  # as a trace or `--say` has it
