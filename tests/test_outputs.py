"""Run folders are never overwritten; files are whole or absent; faults name folder and fix."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from embodied import outputs
from embodied.errors import EnvironmentFault, UsageError

NOW = datetime(2030, 1, 2, 3, 4, 5)


@given(st.text())
def test_slug_is_a_safe_file_name(text: str) -> None:
    name = outputs.slug(text)
    assert 1 <= len(name) <= 40
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name[0] != "-" != name[-1]


def test_two_runs_in_one_second_get_two_folders(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = outputs.new_run_folder("run", "Bring a sponge!", now=NOW)
    second = outputs.new_run_folder("run", "Bring a sponge!", now=NOW)
    assert first == Path("outputs/run/2030-01-02/030405_bring-a-sponge")
    assert second.name == "030405_bring-a-sponge-2"
    assert first.is_dir()
    assert second.is_dir()


def test_out_is_taken_as_given_but_never_over_an_earlier_run(tmp_path: Path) -> None:
    folder = outputs.new_run_folder("run", "x", out=tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    outputs.describe_run(folder, {"seed": 0})
    with pytest.raises(UsageError, match="holds an earlier run"):
        outputs.new_run_folder("run", "x", out=folder)
    assert outputs.new_run_folder("run", "x", out=folder, resume=True) == folder


def test_out_that_is_a_file_or_below_one_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        outputs.new_run_folder("run", "x", out=tmp_path / "file")
    with pytest.raises(EnvironmentFault, match="file/below.*--out"):
        outputs.new_run_folder("run", "x", out=tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that nobody may write")
def test_unwritable_folder_names_itself_and_the_fix() -> None:
    with pytest.raises(EnvironmentFault, match=r"/proc/nowhere.*--out") as caught:
        outputs.new_run_folder("run", "x", out="/proc/nowhere")
    assert caught.value.exit_code == 3


@dataclass(frozen=True)
class Inner:
    path: Path
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Config:
    instruction: str
    inner: Inner
    rate: np.float32


def test_describe_run_writes_three_files_that_read_back(tmp_path: Path) -> None:
    config = Config("a: [b] 'c' é", Inner(Path("x"), (1, 2)), np.float32(0.5))
    outputs.describe_run(tmp_path, config, ["embodied", "run", "bring a sponge; rm -rf"])
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {
        "instruction": "a: [b] 'c' é",
        "inner": {"path": "x", "sizes": [1, 2]},
        "rate": 0.5,
    }
    assert (tmp_path / "command.txt").read_text() == "embodied run 'bring a sponge; rm -rf'\n"
    system = json.loads((tmp_path / "system.json").read_text())
    assert system["versions"]["mujoco"]
    assert system["cores"] >= 1


@pytest.mark.parametrize(
    ("started_as", "again"),
    [
        (
            ["/v/bin/python3", "-X", "dev", "-m", "embodied.run", "a b"],
            "python -m embodied.run a b",
        ),
        (["/v/bin/python3", "/v/bin/embodied", "run", "a b"], "embodied run a b"),
        (["python", "script.py", "x"], "python script.py x"),
    ],
)
def test_the_typed_command_starts_it_again(started_as: list[str], again: str) -> None:
    assert " ".join(outputs.typed_command(started_as)) == again


def test_a_failed_atomic_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "weights.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), outputs.atomic(target) as file:  # noqa: PT012
        file.write(b"half of the n")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.bin"]


def test_atomic_write_replaces_the_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    outputs.write_json(target, {"long": "x" * 1000})
    outputs.write_json(target, {"n": np.int64(3), "set": {"b", "a"}})
    assert json.loads(target.read_text()) == {"n": 3, "set": ["a", "b"]}
    with pytest.raises(EnvironmentFault, match="missing"):
        outputs.write_text(tmp_path / "missing" / "x", "text")
