"""A recorded run is played again without its language model, and comes out byte for byte the same."""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from embodied import evaluate
from embodied.evaluation.replay import difference
from embodied.evaluation.tape import RECORD, Replay, Tape, UnknownPromptError, read
from embodied.evaluation.taped import TapedModel
from embodied.tasks.labels import DONE, go_to
from embodied.world.facts import Facts
from planners.model import Prompt, Scores, normalise
from tests.evaluation.tiny import SUITE

# a fresh process in which no language model can be imported
BLOCKED = """
import sys
for name in ("planners.embedded.model", "planners.embedded.encoder", "planners.huggingface"):
    sys.modules[name] = None
from embodied import evaluate
sys.exit(evaluate.main(["--replay", sys.argv[1], "--out", sys.argv[2], "--jobs", "1"]))
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "tiny.yaml").write_text(SUITE)
    out = folder / "run"
    argv = [str(folder / "tiny.yaml"), "--seeds", "1", "--jobs", "1", "--out", str(out)]
    assert evaluate.main([*argv, "--planner", "saycan,generate"]) == 0
    (folder / "tiny.yaml").unlink()  # the run keeps its suites
    return out


def test_a_replay_needs_no_model_and_is_equal(recorded: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", BLOCKED, str(recorded), str(tmp_path / "again")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "equal byte for byte" in done.stdout.replace("\n", " ")
    assert difference(recorded, tmp_path / "again") is None
    assert json.loads((tmp_path / "again" / "results.json").read_text())["planner"] == "saycan"


def rewrite(run: Path, change) -> None:
    events = read(run / RECORD)
    with gzip.open(run / RECORD, "wt") as file:
        file.writelines(json.dumps(change(event)) + "\n" for event in events)


def copy(run: Path, to: Path) -> Path:
    return Path(shutil.copytree(run, to))


def test_other_answers_on_the_tape_are_followed_and_told(recorded: Path, tmp_path: Path) -> None:
    def refuse(event: dict) -> dict:
        if event["type"] == "call" and event["kind"] == "refuse":
            event["answer"] = "because"
        return event

    old = copy(recorded, tmp_path / "old")
    rewrite(old, refuse)
    again = tmp_path / "again"
    assert evaluate.main(["--replay", str(old), "--out", str(again), "--jobs", "1"]) == 1
    episodes = json.loads((again / "results.json").read_text())["episodes"]
    assert {(e["outcome"], e["reason"]) for e in episodes} == {("refused", "because")}


def test_a_prompt_that_was_never_recorded_is_an_error(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = copy(recorded, tmp_path / "old")
    suite = old / "suites" / "tiny.yaml"
    suite.write_text(suite.read_text().replace("far counter", "close counter"))
    argv = ["--replay", str(old), "--out", str(tmp_path / "again"), "--jobs", "1"]
    assert evaluate.main(argv) == 2
    assert "never asked its model to score" in capsys.readouterr().err


def test_a_folder_without_a_tape_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--replay", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "--no-record" in capsys.readouterr().err


class Fickle:
    """Answers differently each time."""

    name, done_lead = "fickle", 7.0

    def __init__(self) -> None:
        self.asked = 0

    def score(self, prompt: Prompt, calls) -> Scores:
        self.asked += 1
        logp = normalise(np.array([self.asked / 3, 0.1]))
        return Scores(logp, 11, 1, written=2)


def test_answers_come_back_in_order_and_to_the_last_bit() -> None:
    prompt = Prompt("go", (), Facts({"sponge": None}, "sponge"))
    calls = [go_to("table"), DONE]
    tape = Tape()
    tape.begin(id="x")
    model = TapedModel(tape, Fickle(), "fickle", {"done_lead": 7.0})
    first, second = model.score(prompt, calls), model.score(prompt, calls)
    assert tape.written == 4
    replay = TapedModel(Replay(json.loads(json.dumps(tape.events))), None, "fickle", {})
    for was in (first, second):
        now = replay.score(prompt, calls)
        assert (now.logp == was.logp).all()
        assert (now.tokens, now.calls, now.written) == (11, 1, 2)
    with pytest.raises(UnknownPromptError):
        replay.score(prompt, calls)
    assert (
        model.refuse(prompt, calls) is None
        and model.question(prompt, calls, [0.5] * len(calls)) is None
    )
    assert model.done_lead == 7.0  # type: ignore[attr-defined]


def test_without_record_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(SUITE)
    out = tmp_path / "out"
    argv = [str(tmp_path / "tiny.yaml"), "--seeds", "1", "--jobs", "1", "--out", str(out)]
    assert evaluate.main([*argv, "--mode", "plan", "--no-record"]) == 0
    assert not (out / RECORD).exists()
