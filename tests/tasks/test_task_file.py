"""A task file of one's own: what is refused, and why; what is registered, and what is left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from embodied import train
from embodied.errors import EnvironmentFault, UsageError
from embodied.tasks import own, registry, task_file
from embodied.tasks.labels import enumerate_calls, feasible, ideal_effect, parse_label
from embodied.train_own import register
from embodied.world.facts import Facts
from embodied.world.kitchen import Kitchen
from policies.execute import Executor
from policies.library import SHIPPED, load_library, load_own
from policies.skill import AFFORDANCE, POLICY, Own, load_checked, read_card, save_skill, wilson

TASK = """
import torch
from embodied.tasks.{module} import {base}

class Mine({base}):
    name = "{name}"
    label = "{label}"
    {body}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMBODIED_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(task_file, "READ", {})
    return tmp_path


def write(
    folder: Path, label: str = "poke the {object}", name: str = "poke", body: str = "pass",
    module: str = "pick", base: str = "PickTask",
) -> Path:  # fmt: skip
    path = folder / f"{name}.py"
    path.write_text(TASK.format(module=module, base=base, name=name, label=label, body=body))
    return path


def keep(path: Path) -> Path:
    """Registers pick's policy as the skill of a task file: only who it is for is of interest here."""
    spec = registry.family(str(path))
    card, made = read_card(SHIPPED / spec.base), path.parent / "made"
    weights = {name: load_checked(SHIPPED / spec.base, card, name) for name in (POLICY, AFFORDANCE)}
    mine = Own(label=spec.label, base=spec.base)
    card = card.model_copy(update={"family": spec.name, "own": mine})
    save_skill(made, card, weights, spec.source)
    return own.register(spec.name, made)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"label": "poke it"}, "needs {object}"),
        ({"label": "poke the {object} to the {place}"}, "extends 'pick'"),
        ({"label": "fetch the {object}"}, "a word of its own"),
        ({"label": "poke\\tthe {object}"}, "one blank between"),
        ({"body": "aliases = ('bring me the {object}',)"}, "a word of its own"),
        ({"body": "aliases = 'jab the {object}'"}, "The aliases of Mine"),
        ({"body": "steps = 0"}, "The steps of Mine"),
        ({"body": "horizon = 0"}, "The horizon of Mine"),
        ({"body": "gamma = 2.0"}, "The gamma of Mine"),
        ({"body": "ppo = {'foo': 1}"}, "no settings of PPO's: foo"),
        ({"body": "raise SystemExit(1)"}, "SystemExit"),
        ({"body": "def rewards(self): return {'near': 1.0}"}, "reward term 'near'"),
        ({"body": "def success(self): return torch.zeros(4)"}, "torch.bool"),
        ({"body": "def observe(self): return super().observe().double()"}, "torch.float32"),
        ({"body": "def observe(self): return super().observe() / 0"}, "finite"),
        (
            {"body": "def observe(self): return super().observe() + self.control.engine.nsim"},
            "controller's target",
        ),
        ({"label": "poke the {thing}"}, "may name {object} and {place}"),
        ({"label": "Poke the {object}"}, "small letters"),
        ({"label": "pick up the {object}"}, "a word of its own"),
        ({"name": "pick"}, "cannot be called 'pick'"),
        ({"name": "all"}, "cannot be called 'all'"),
        ({"body": "def success(self): return self.fixtures.half[:, 0] > 0"}, "fails (line 8)"),
        ({"body": "def success(self): return torch.ones(3).bool()"}, "success of Mine"),
        ({"body": "def rewards(self): return {'far': torch.ones(4) / 0}"}, "reward term 'far'"),
        ({"body": "obs_dim = 5"}, "observe of Mine"),
        ({"body": "x = 1 +"}, "SyntaxError"),
        ({"module": "navigate", "base": "NavigateTask"}, "extends none of PickTask"),
        ({"module": "drawer", "base": "OpenTask"}, "needs nothing in braces"),
    ],
)
def test_what_is_no_task_of_ones_own_is_refused_with_the_reason(
    home: Path, kwargs: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([str(write(home, **kwargs))]) == 2
    assert words in capsys.readouterr().err
    assert not (home / "home").exists()


def test_a_file_that_is_not_there_or_holds_two_tasks_is_refused(home: Path) -> None:
    with pytest.raises(UsageError, match="no task file"):
        registry.family(str(home / "none.py"))
    path = write(home)
    path.write_text(path.read_text() + "\nclass Two(Mine):\n    pass\n")
    with pytest.raises(UsageError, match="defines 2"):
        registry.family(str(path))


def test_a_home_that_cannot_be_written_is_said_before_anything_is_trained(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBODIED_HOME", str(write(home)))  # a file is in the way
    monkeypatch.chdir(home)
    assert train.main([str(home / "poke.py")]) == 3
    assert "poke.py/skills" in capsys.readouterr().err
    assert not (home / "outputs").exists()


def test_a_finished_training_is_registered_by_the_same_command(home: Path) -> None:
    path, run = write(home), home / "run"
    run.mkdir()
    keep(path).rename(run / "skill")
    own.forget()
    assert not own.registered()
    argv = [str(path), "--preset", "smoke", "--out", str(run)]
    assert train.main(argv) == 0
    assert list(own.registered()) == ["poke"]


def test_a_registered_skill_has_labels_wherever_labels_are_read(home: Path) -> None:
    keep(write(home))
    calls = {call.label: call for call in enumerate_calls(["sponge"], ("pick", "poke"))}
    call = calls["poke the sponge"]
    assert parse_label(call.label) == call and (call.family, call.base) == ("poke", "pick")
    assert not any(c.own for c in enumerate_calls(["sponge"], ("pick",))), (
        "only where it is offered"
    )
    near = Facts({"sponge": "table"}, robot_at="table")
    assert feasible(call, near) and not feasible(call, Facts({"sponge": "table"}))
    after = ideal_effect(call, near)
    assert after.did == (call.label,) and Facts.from_json(after.to_json()) == after


def test_labels_name_a_place_where_the_template_does(home: Path) -> None:
    keep(
        write(home, "stack the {object} on the {place}", "stack", module="place", base="PlaceTask")
    )
    labels = [c.label for c in enumerate_calls(["sponge"], ("stack",))]
    assert (
        "stack the sponge on the table" in labels and "stack the sponge on the user" not in labels
    )
    call = parse_label("stack the sponge on the far counter")
    assert (call.obj, call.place, call.base) == ("sponge", "far counter", "place")


def test_a_skill_that_was_changed_is_left_out_and_told_of(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep(write(home))
    assert list(load_own()) == ["poke"]
    (kept / own.TASK).write_text("raise SystemExit('this must not be run')\n")
    task_file.READ.clear()
    assert load_own() == {}
    assert "'poke' is left out" in capsys.readouterr().err
    shutil.rmtree(kept)
    own.forget()
    assert not own.registered() and load_own() == {}


def test_what_fails_late_is_said_with_its_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(home)
    late = (
        "calls = 0\n    def rewards(self):\n        self.calls += 1\n        {0}\n"
        "        return super().rewards()"
    )
    argv = ["--preset", "smoke", "--steps", "6000"]
    path = write(home, body=late.format("if self.calls > 5: raise ValueError('late')"))
    assert train.main([str(path), *argv]) == 2
    assert "fails in line 11: ValueError: late" in capsys.readouterr().err
    nan = "if self.calls > 5: return {'near': torch.full((self.num_envs,), float('nan'))}"
    assert train.main([str(write(home, body=late.format(nan))), *argv]) == 1
    assert "is no number" in capsys.readouterr().err


def test_a_failing_task_fails_its_skill_and_not_the_run(home: Path) -> None:
    alone = "self.state.tcp_pos.shape[0] == 1"
    body = f"def success(self): return self.nothing if {alone} else super().success()"
    keep(write(home, body=body))
    kitchen = Kitchen(["sponge"])
    kitchen.arrange({"sponge": "table"}, "table")
    outcome = Executor(kitchen, load_library() | load_own()).run(parse_label("poke the sponge"))
    assert not outcome.success and "fails in line 8: AttributeError" in outcome.reason
    assert kitchen.facts().did == ()


@pytest.mark.parametrize(("successes", "told"), [(0, "never succeeded"), (60, "the one kept in")])
def test_a_worse_skill_does_not_take_a_better_ones_place(
    home: Path, successes: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep(write(home))
    shutil.copytree(kept, home / "worse")
    card = read_card(kept)
    figures = {**card.figures, "all": wilson(successes, 96)}
    save_skill(home / "worse", card.model_copy(update={"figures": figures}), {})
    before = (kept / own.CARD).read_bytes()
    register(registry.family("poke"), home / "worse")
    assert told in capsys.readouterr().out and (kept / own.CARD).read_bytes() == before


def test_what_is_kept_survives_a_failing_registration(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, rename = keep(write(home)), Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.name == ".poke.new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    shutil.copytree(kept, home / "again")
    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(EnvironmentFault, match="No space left"):
        own.register("poke", home / "again")
    assert list(load_own()) == ["poke"]


def test_a_card_that_is_none_is_no_skill_and_told_of(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep(write(home))
    card = json.loads((kept / "skill.json").read_text())
    card["own"]["label"] = "poke the {"
    for text in (json.dumps(card), "", "\udcff"):
        (kept / "skill.json").write_text(text, errors="surrogateescape")
        own.forget()
        assert not own.registered() and not load_own()
        assert "'poke' is left out" in capsys.readouterr().err
