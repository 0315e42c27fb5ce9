"""The suite runner: it counts what the goal's predicates say, in the design's format."""

import json
import socket
from pathlib import Path

import pytest

from embodied import evaluate
from tests.evaluation.tiny import SUITE


def test_both_modes_in_the_format_of_the_design(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SUITE)
    out = tmp_path / "out"
    argv = [str(tmp_path / "tiny.yaml"), "--seeds", "1", "--jobs", "1", "--out", str(out)]
    assert evaluate.main(argv) == 0
    results = json.loads((out / "results.json").read_text())
    assert results["summary"]["total"]["n"] == 2
    for key in ("plan_success", "execution_success"):
        assert results["summary"]["total"][key]["rate"] == 1.0
        assert results["summary"]["go"][key]["episodes"] == 1
    by = {(episode["id"], episode["mode"]): episode for episode in results["episodes"]}
    assert by["a", "execute"]["skills"][0] == {"label": "go to the table", "outcome": "success"}
    assert by["b", "plan"]["outcome"] == "refused"


def test_bad_suite_names_line_and_nearest_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yaml").write_text(SUITE.replace("robot_at: table", "robot_at: tabel"))
    assert evaluate.main([str(tmp_path / "bad.yaml"), "--out", str(tmp_path / "o")]) == 2
    told = capsys.readouterr().err
    assert "tabel" in told
    assert "table" in told
    assert "line 8" in told


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_model_server_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    (tmp_path / "tiny.yaml").write_text(SUITE)
    argv = [
        str(tmp_path / "tiny.yaml"),
        "--seeds",
        "1",
        "--jobs",
        jobs,
        "--out",
        str(tmp_path / "o"),
    ]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"openai:m@http://127.0.0.1:{listener.getsockname()[1]}?tries=1"
    assert evaluate.main([*argv, "--mode", "plan", "--llm", dead]) == 3
    assert "Start the server or correct its address" in capsys.readouterr().err


def test_a_key_in_an_address_gets_into_no_file(tmp_path: Path) -> None:
    argv = ["--llm", "openai:m@http://me:secret@host/v1", "--out", str(tmp_path / "o")]
    assert evaluate.main(argv) == 2
    assert not (tmp_path / "o").exists()
