"""The command: a run folder that is resumed and reproduced, and what it refuses.

Over the tests' small task and its real learner, since loading a simulator for every candidate takes long.
"""

import json

import numpy as np
import pytest

from embodied import eureka, outputs
from embodied.candidates import tasks
from embodied.candidates import training as candidates
from embodied.errors import UsageError
from embodied.eureka import command, training
from embodied.eureka.command import load_reward
from embodied.eureka.prefer import Chosen, load_rollout
from planners.rewards.funnel import FunnelCfg
from planners.rewards.ledger import Ledger
from planners.rewards.program import Program
from tests.planners.rewards import push
from tests.planners.rewards.push import BRIEF, POOR

TINY = ["--samples", "3", "--iterations", "2", "--steps", str(6 * push.PER_ROUND), "--workers", "2"]


@pytest.fixture
def quick(monkeypatch):
    """The small task of the tests, with its real learner, in place of the simulators."""
    monkeypatch.setattr(tasks, "brief", lambda task: push.BRIEF)
    monkeypatch.setattr(training, "train", push.train)
    monkeypatch.setattr(candidates, "gather", push.gather)


def test_a_search_leaves_its_folder_replays_and_any_cell_is_trained_again(quick, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["push", *TINY, "--report-seeds", "2", "--out", str(out)]
    assert eureka.main(words) == 0
    said = capsys.readouterr().out
    assert "executable: 6 of 6 at once" in said and "on 2 fresh seeds" in said
    for name in ("ledger.jsonl", "results.json", "report.html", "config.yaml", "log.txt"):
        assert (out / name).is_file(), name
    summary = json.loads((out / "results.json").read_text())
    banks = Ledger(out / "ledger.sqlite").entries("bank")
    trained = {e["id"] for e in Ledger(out / "ledger.sqlite").entries("trained")}
    assert banks[0]["episodes"] == 8  # of the random policy
    assert 16 <= banks[1]["episodes"] <= 8 * (1 + len(trained))
    assert f"<td>{banks[1]['episodes']}</td>" in (out / "report.html").read_text()
    assert summary["finished"] and summary["fresh"]["seeds"] == [10_000, 10_001]
    best = Program.from_json((out / "best" / "reward.json").read_text())
    head, spent = Ledger(out / "ledger.sqlite").head, Ledger(out / "ledger.sqlite").costs()
    assert eureka.main(words) == 0  # all is kept: nothing is trained
    assert (Ledger(out / "ledger.sqlite").head, Ledger(out / "ledger.sqlite").costs()) == (
        head,
        spent,
    )
    capsys.readouterr()
    for cell in ("best", "r1s01"):
        assert eureka.main(["reproduce", str(out), cell]) == 0
        assert "the same" in capsys.readouterr().out
    assert eureka.main(["reproduce", str(out), "r9s01"]) == 2
    assert "there is r" in capsys.readouterr().err
    assert eureka.main([*words, "--samples", "4"]) == 2
    assert "holds another search: its samples is 3, not 4" in capsys.readouterr().err
    assert load_reward(out / "best") == best
    short = [
        *words[:-2],
        "--out",
        str(tmp_path / "short"),
        "--step-budget",
        str(summary["env_steps"]),
    ]
    assert eureka.main(short) == 0  # enough for the search, and not for the fresh seeds
    assert "not measured on fresh seeds" in capsys.readouterr().out


def test_a_finalist_is_reproduced_on_its_second_seed(quick, tmp_path, capsys):
    words = [
        "push",
        *TINY,
        "--samples",
        "12",
        "--report-seeds",
        "0",
        "--out",
        str(tmp_path / "run"),
    ]
    assert eureka.main(words) == 0
    entry = Ledger(tmp_path / "run" / "ledger.sqlite").entries("confirmed")[0]
    shown = f"{entry['final']:.0%} after {entry['steps']:,} steps, seed {entry['seed']}"
    assert shown in (tmp_path / "run" / "report.html").read_text()
    capsys.readouterr()
    cell = ["reproduce", str(tmp_path / "run"), entry["id"], "--seed", str(entry["seed"])]
    assert eureka.main(cell) == 0
    assert "the same" in capsys.readouterr().out


def test_a_folder_of_another_search_keeps_its_results(quick, tmp_path, monkeypatch, capsys):
    """As after an update of the program that changes what a search is."""
    out = tmp_path / "run"
    words = [
        "push",
        *TINY[:2],
        "--iterations",
        "1",
        *TINY[4:],
        "--report-seeds",
        "0",
        "--out",
        str(out),
    ]
    assert eureka.main(words) == 0
    before = [(out / name).read_text() for name in ("results.json", "report.html", "ledger.jsonl")]
    monkeypatch.setattr(command, "funnel_of", lambda *_: FunnelCfg(7 * push.PER_ROUND))
    assert eureka.main(words) == 2
    assert "holds another search" in capsys.readouterr().err
    assert before == [
        (out / name).read_text() for name in ("results.json", "report.html", "ledger.jsonl")
    ]


def test_the_same_command_goes_on_with_its_own_unfinished_search(
    quick, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    words = ["push", *TINY, "--report-seeds", "0"]
    assert eureka.main([*words, "--step-budget", str(10 * push.PER_ROUND)]) == 0
    assert "environment steps is spent" in capsys.readouterr().out
    (stopped,) = (tmp_path / "outputs" / "eureka").glob("*/*")
    assert eureka.main(["reproduce", str(stopped), "best"]) == 0
    assert "the same" in capsys.readouterr().out
    assert eureka.main(words) == 0
    folders = list((tmp_path / "outputs" / "eureka").glob("*/*"))
    assert len(folders) == 1
    assert json.loads((folders[0] / "results.json").read_text())["finished"]
    assert eureka.main(words) == 0  # finished: a new one
    assert len(list((tmp_path / "outputs" / "eureka").glob("*/*"))) == 2


def test_a_server_that_is_down_stops_it_or_it_falls_back_as_told(quick, tmp_path, capsys):
    down = [
        "push",
        *TINY,
        "--report-seeds",
        "0",
        "--llm",
        "openai:tiny@http://127.0.0.1:9/v1?tries=1",
    ]
    assert eureka.main([*down, "--out", str(tmp_path / "a")]) == 3
    said = capsys.readouterr()
    assert "model server" in said.err and "the same command goes on" in said.out
    assert (tmp_path / "a" / "report.html").is_file()
    assert eureka.main([*down, "--out", str(tmp_path / "b"), "--fallback", "grammar"]) == 0
    assert "Going on with grammar, as told" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["FetchPsuh-v4"], "FetchPush-v4"),
        (["FetchReach-v4", "--llm", "gpt"], "writes no rewards"),
        (["FetchReach-v4", "--samples", "0"], "--samples must be at least 1"),
        (["FetchReach-v4", "--budget", "3"], "needs --price"),
        (["FetchReach-v4", "--budget", "nan", "--price", "1", "1"], "--budget must be at least 0"),
        (["FetchReach-v4", "--price", "nan", "1"], "--price is money"),
        (["FetchReach-v4", "--start", "nowhere.json"], "There is no reward"),
        (["FetchReach-v4", "--prefer", "nowhere.jsonl"], "cannot be read"),
        (["reproduce", "nowhere", "best"], "holds no search"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    tmp_path, monkeypatch, capsys, words, said
):
    monkeypatch.chdir(tmp_path)
    assert eureka.main(words) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_start_that_cannot_be_trained_with_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "reward.json"
    for source, said in (("return 1.0", "reads no signal"), ("return s.nothing", "unknown name"),
                         ("return 1 / (0 * norm(s.goal_position))", "not finite"),
                         ("return 1e9 * norm(s.goal_position)", "unbounded"),
                         ("return 1e-12 * norm(s.goal_position)", "constant")):  # fmt: skip
        terms = [{"name": "bad", "source": f"def bad(s):\n    {source}", "weight": 1.0}]
        path.write_text(json.dumps({"terms": terms}))
        assert eureka.main(["FetchReach-v4", "--start", str(path)]) == 2
        assert said in capsys.readouterr().err
    path.write_text("{}")
    assert eureka.main(["FetchReach-v4", "--start", str(path)]) == 2
    assert not (tmp_path / "outputs").exists()


def test_choices_between_rollouts_weigh_terms_and_ask_on(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "rollouts").mkdir()
    gaps = {}
    for i in range(20):
        state = {name: rng.normal(0, 0.3, (15, 2)) for name in BRIEF.sizes}
        gaps[f"{i:02d}"] = np.linalg.norm(state["hand"] - state["goal"], axis=-1).sum()
        np.savez(tmp_path / "rollouts" / f"{i:02d}.npz", **state)
    pairs = [rng.choice(sorted(gaps), 2, replace=False) for _ in range(40)]
    rows = [
        {"left": a, "right": b, "choice": "left" if gaps[a] > gaps[b] else "right"}
        for a, b in pairs
    ]
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    chosen, said = Chosen.load(path, BRIEF), []
    program = chosen.reweighted(tmp_path, 0, said.append, POOR)
    assert program.terms[0].weight == pytest.approx(-1.0)  # far from the goal was liked better
    assert "40 choices; the weights agree with 100%" in said[-1]
    around = [{"left": p[0], "right": p[1], "choice": "left"} for p in ("ab", "bc", "ca")]
    ring = tmp_path / "ring"
    (ring / "rollouts").mkdir(parents=True)
    for name in "abc":
        np.savez(ring / "rollouts" / f"{name}.npz", **state | {"hand": rng.normal(0, 0.3, (15, 2))})
    (ring / "choices.jsonl").write_text("\n".join(map(json.dumps, around)))
    told = []
    kept = Chosen.load(ring / "choices.jsonl", BRIEF).reweighted(ring, 0, told.append, POOR)
    assert kept == POOR and "nothing follows" in told[-1]
    assert told[0].count(" was preferred to ") == 3
    asked = {frozenset(pair) for pair in pairs}
    follow = [json.loads(line) for line in (tmp_path / "next_pairs.jsonl").read_text().splitlines()]
    assert len(follow) == 10 and not asked & {frozenset((r["left"], r["right"])) for r in follow}


def test_rollouts_that_cannot_be_used_are_refused(tmp_path):
    path, state = tmp_path / "0.npz", {name: np.zeros((3, 2)) for name in BRIEF.sizes}
    np.savez(path, **state)
    whole = path.read_bytes()
    assert load_rollout(path, BRIEF)["hand"].shape == (1, 3, 2)
    for found, said in (
        ({"hand": state["hand"]}, "needs the signal"),
        ({**state, "puck": np.full((3, 2), np.nan)}, "not finite"),
        ({**state, "puck": np.zeros((2, 2))}, "different lengths"),
        ({name: np.zeros((0, 2)) for name in state}, "without a step"),
    ):
        np.savez(path, **found)
        with pytest.raises(UsageError, match=said):
            load_rollout(path, BRIEF)
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez_compressed(path, **{n: np.random.default_rng(0).normal(size=(30, 2)) for n in state})
    packed = bytearray(path.read_bytes())
    packed[120:160] = bytes(40)
    for data in (bytes(packed), whole[:200], b"", (tmp_path / "array.npy").read_bytes()):
        path.write_bytes(data)
        with pytest.raises(UsageError, match="cannot be read"):
            load_rollout(path, BRIEF)


def test_choices_leave_a_reward_of_their_own_and_every_candidate_its_costs(quick, tmp_path, capsys):
    rng = np.random.default_rng(1)
    for name in "abcd":
        np.savez(tmp_path / f"{name}.npz", **{n: rng.normal(0, 0.3, (9, 2)) for n in BRIEF.sizes})
    rows = [{"left": "a", "right": other, "choice": "left"} for other in "bcd"]
    path, out = tmp_path / "choices.jsonl", tmp_path / "run"
    path.write_text("\n".join(map(json.dumps, rows)))
    words = ["push", *TINY, "--report-seeds", "0", "--prefer", str(path), "--out", str(out)]
    assert eureka.main(words) == 0
    assert "with the weights of your choices: success" in capsys.readouterr().out
    entries = Ledger(out / "ledger.sqlite").entries()
    (made,) = (e for e in entries if e["kind"] == "candidate" and e["id"] == "preferred")
    assert load_reward(out / "preferred").plain() == made["program"]
    costs = json.loads((out / "results.json").read_text())["costs by candidate"]
    trained = [e for e in entries if e["kind"] == "trained"]
    for id in {e["id"] for e in trained}:
        assert costs[id]["env_steps"] == sum(e["env_steps"] for e in trained if e["id"] == id) > 0
        shown = f"{costs[id]['env_steps']:,} steps in {costs[id]['trained_in']:,.0f} s"
        assert shown in (out / "report.html").read_text()


def test_a_folder_that_another_search_is_at_work_in_is_left_alone(quick, tmp_path, capsys):
    out = tmp_path / "run"
    with outputs.alone_in(outputs.new_run_folder("eureka", "push", out)):
        assert eureka.main(["push", *TINY, "--out", str(out)]) == 2
    assert "Another process is at work" in capsys.readouterr().err
    assert not (out / "ledger.sqlite").exists()


def test_a_search_that_could_train_nothing_says_so(quick, tmp_path, capsys):
    assert eureka.main(["push", *TINY, "--step-budget", "1", "--out", str(tmp_path / "run")]) == 1
    assert "best: none, since no reward was trained" in capsys.readouterr().out
