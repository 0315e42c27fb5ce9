"""`embodied generate`: files that load, the same bytes from the same flags, clear complaints."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from embodied.suites import load_suite
from embodied.tasks.__main__ import main
from planners.solver import solve


def generate(folder: Path, *flags: str) -> Path:
    assert main(["generate", "--out", str(folder), *flags]) == 0
    return folder / "tasks.yaml"


def test_a_graded_suite_with_twins(tmp_path, capsys):
    path = generate(tmp_path, "--n", "60", "--refuse", "0.2", "--max-skills", "9", "--decisions")
    items = load_suite(path).items
    assert len(items) == 60
    assert "60 items, 12 of them infeasible" in capsys.readouterr().out
    done = [item for item in items if item.expect == "done"]
    assert len(done) == 48 and len({item.instruction.lower() for item in done}) == 48
    lengths = []
    for item in done:
        assert item.goal is not None
        calls = solve(item.goal, item.start.facts()).calls
        assert calls is not None and item.family == f"len_{len(calls):02d}"
        assert item.max_skills == math.ceil(1.5 * len(calls) + 2)
        lengths.append(len(calls))
    assert lengths == sorted(lengths) and lengths[0] == 1 and lengths[-1] == 9
    ids = [item.id for item in items]
    for item in items:
        if item.expect == "refuse":
            assert ids.index(item.id) == ids.index(item.id.removesuffix("-twin")) + 1
            assert item.goal is None or not solve(item.goal, item.start.facts()).solved
    lines = (tmp_path / "decisions.jsonl").read_text().splitlines()
    assert len(lines) == sum(lengths) + len(lengths)
    assert json.loads(lines[0])["instruction"] == done[0].instruction


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path):
    flags = ["--n", "25", "--refuse", "0.4", "--drawer", "--seed"]
    ours = generate(tmp_path / "a", *flags, "7").read_bytes()
    assert generate(tmp_path / "b", *flags, "8").read_bytes() != ours
    run = [sys.executable, "-m", "embodied.tasks", "generate", "--out", str(tmp_path / "c")]
    env = {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run([*run, *flags, "7"], check=True, env=env)
    assert (tmp_path / "c" / "tasks.yaml").read_bytes() == ours


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--n", "0"], "--n is from 1"),
        (["--min-skills", "5", "--max-skills", "4"], "1 <= --min-skills <= --max-skills"),
        (["--refuse", "0.6"], "--refuse is a share from 0 to 0.5"),
        (["--llm", "embedded"], "--llm embedded writes no text"),
        (["--llm", "nobody"], "no language model 'nobody'"),
        (["--max-skills", "41"], "--max-skills <= 40"),
    ],
)
def test_complaints(flags, message, tmp_path, capsys):
    assert main(["generate", "--out", str(tmp_path), *flags]) == 2
    assert message in capsys.readouterr().err


def test_a_model_that_never_writes_a_task_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "embodied.generate.source", lambda cfg, rng, attempts: iter(["no JSON"] * 500)
    )
    assert main(["generate", "--out", str(tmp_path), "--n", "3"]) == 2
    assert "Nothing came through: no JSON 110." in capsys.readouterr().err
    assert not (tmp_path / "tasks.yaml").exists()


def test_only_generate_is_known(capsys):
    assert main([]) == 2 and "generate" in capsys.readouterr().err
    assert main(["--help"]) == 0 and "generate" in capsys.readouterr().out
    assert main(["nonsense"]) == 2
