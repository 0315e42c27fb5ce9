"""Whole searches over a real little task with a real learner."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from embodied.errors import EnvironmentFault, UsageError
from embodied.eureka.policies import Policies
from planners.rewards.asking import Asker, Budget, Price
from planners.rewards.funnel import Bank, FunnelCfg, auroc, competent, halving, screen
from planners.rewards.job import Job, Outcome
from planners.rewards.ledger import Ledger
from planners.rewards.program import Program, Term, compile_program
from planners.rewards.search import Candidate, Result, Search, SearchCfg
from planners.rewards.writers import Context, GrammarWriter, Reply
from tests.planners.rewards import push
from tests.planners.rewards.push import BRIEF, PER_ROUND, POOR, evaluate, problems, train

STEPS = 12 * PER_ROUND
SMALL = SearchCfg(FunnelCfg(STEPS), samples=6, iterations=2)


def search(path, cfg=SMALL, writer=None, evaluator=evaluate, **more):
    options = {"start": POOR, **more}
    return Search(
        cfg, BRIEF, writer or GrammarWriter(), evaluator, Ledger(path), problems, **options
    )


def success(program: Program) -> float:
    """Mean over trainings of seeds that no search saw."""
    return float(np.mean([train(Job("push", program, 900 + s, STEPS)).final for s in range(4)]))


def test_a_search_beats_the_reward_that_it_began_with(tmp_path):
    made = search(tmp_path / "l", replace(SMALL, samples=8, iterations=3)).run()
    assert made.best is not None and made.best.id != "start"
    assert success(POOR) < 0.1
    assert success(made.best.program) > 0.4
    assert made.first_try == made.samples == 24 and not made.stopped


def test_reflection_makes_better_rewards_than_drawing_as_many_does(tmp_path, monkeypatch):
    """What candidates of the last round are worth on average, over several searches of equal size."""
    monkeypatch.setattr(push, "NEAR", 0.05)  # too hard for most rewards
    means = {True: [], False: []}
    for seed in range(3):
        for reflect in means:
            cfg = SearchCfg(FunnelCfg(STEPS, rungs=1), 6, 3, seed=seed, reflect=reflect)
            made = search(tmp_path / f"{seed}{reflect}", cfg).run()
            last = [c.outcome.final for c in made.candidates if c.round == 2 and c.outcome]
            means[reflect].append(np.mean(last))
    assert np.mean(means[True]) > np.mean(means[False])  # .22 against .18 on these seeds


def test_the_same_search_replays_from_its_ledger_and_another_is_refused(tmp_path):
    first = search(tmp_path / "l")
    made, head = first.run(), first.ledger.head

    again = search(tmp_path / "l", evaluator=never)
    assert again.run().best == made.best and again.ledger.head == head
    assert again.result.steps == made.steps
    with pytest.raises(UsageError, match="another search"):
        search(tmp_path / "l", replace(SMALL, seed=1), evaluator=never).run()


def keeping(path, lives):
    """A search that keeps its policies, as numbers that stand for them, and is killed by SIGKILL after so
    many trainings."""

    def dying(jobs):
        nonlocal lives
        for job in jobs:
            lives -= 1
            if lives < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            made = train(job)
            yield replace(made, weights={"of": job.program.hash, "steps": job.steps})

    cfg = SearchCfg(FunnelCfg(4 * PER_ROUND, least=2 * PER_ROUND), 12, 2)
    return search(path / "l", cfg, evaluator=Policies(path / "policies").keeping(dying))


KILLED = """
import sys
from pathlib import Path
from tests.planners.rewards.test_search import keeping
one = keeping(Path(sys.argv[1]), int(sys.argv[2]))
one.run()
print(one.ledger.head)
"""


def test_kill_9_in_the_middle_and_resume_end_at_the_same_ledger_and_policies(tmp_path):
    (tmp_path / "whole").mkdir(), (tmp_path / "killed").mkdir()
    whole = keeping(tmp_path / "whole", 1000)
    whole.run()

    def go(lives):
        words = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(lives)]
        return subprocess.run(words, capture_output=True, text=True, env=dict(os.environ))

    trained = [len(whole.ledger.entries(kind)) for kind in ("trained", "confirmed")]
    assert trained[1] == 3
    lives = (4, sum(trained) - 5)  # the second time between the finalists
    assert [go(n).returncode for n in lives] == [-signal.SIGKILL] * 2
    assert go(1000).stdout.strip() == whole.ledger.head
    kept = [
        {path.name for path in (tmp_path / run / "policies").iterdir()}
        for run in ("whole", "killed")
    ]
    assert kept[0] == kept[1] and len(kept[0]) > 4


def test_outcomes_in_any_order_make_the_same_ledger(tmp_path):
    heads = []
    for order in (1, -1):
        one = search(tmp_path / str(order), evaluator=lambda jobs, o=order: evaluate(jobs[::o]))
        one.run()
        heads.append(one.ledger.head)
    assert heads[0] == heads[1]


def test_budgets_end_a_search_with_its_best_and_larger_ones_go_on(tmp_path):
    cfg = replace(SMALL, funnel=FunnelCfg(9 * PER_ROUND))  # so that all rungs are whole rounds
    whole = search(tmp_path / "whole", cfg)
    whole.run()
    most = int(0.6 * whole.result.steps)
    short = search(tmp_path / "l", cfg, budget=Budget(steps=most))
    made = short.run()
    assert "environment steps is spent" in made.stopped
    assert made.best is not None and 0 < made.steps <= most
    longer = search(tmp_path / "l", cfg, budget=Budget(steps=10 * most))
    assert not longer.run().stopped
    assert longer.ledger.head == whole.ledger.head


class Costly(GrammarWriter):
    """Counts tokens as a server would."""

    name = "costly"

    def write(self, context, n):
        return [replace(r, read=1000, written=500, calls=1) for r in super().write(context, n)]


def never(jobs):
    raise AssertionError("trained again")


@pytest.mark.parametrize("budget", [Budget(money=0.013), Budget(tokens=10_000)])
def test_money_and_tokens_run_out_before_a_request_and_the_same_command_finds_the_same(
    tmp_path, budget
):
    budget = replace(budget, price=Price(1.0, 2.0))
    one = search(tmp_path / "l", writer=Costly(), budget=budget)
    made = one.run()
    assert "is spent" in made.stopped and made.best is not None and made.best.id != "start"
    assert made.samples == 6
    assert one.ledger.costs()["reply"]["money"] == pytest.approx(7 * 0.002)  # all in one round more
    again = search(tmp_path / "l", writer=Costly(), budget=budget, evaluator=never)
    assert again.run().best == made.best and again.ledger.costs() == one.ledger.costs()
    longer = search(tmp_path / "l", writer=Costly())
    whole = search(tmp_path / "whole", writer=Costly())
    assert longer.run().finished and whole.run().finished
    assert longer.ledger.head == whole.ledger.head


def test_a_search_that_ended_with_its_budget_is_still_finished_when_it_is_repeated(tmp_path):
    budget = Budget(tokens=12 * 1500)
    made = search(tmp_path / "l", writer=Costly(), budget=budget).run()
    again = search(tmp_path / "l", writer=Costly(), budget=budget, evaluator=never).run()
    assert made.finished and again.finished and again.best == made.best


class Down(GrammarWriter):
    """Fails in the second round; what it wrote before, no other writer would have."""

    name = "down"

    def write(self, context, n):
        if context.round:
            raise EnvironmentFault("The model server failed.")
        return super().write(replace(context, seed=context.seed + 1), n)


def test_a_writer_that_fails_ends_the_search_unless_told_to_fall_back(tmp_path):
    said = []
    with pytest.raises(EnvironmentFault, match="server failed"):
        search(tmp_path / "l", writer=Down()).run()
    one = search(tmp_path / "l", writer=Down(), fallback=GrammarWriter(), say=said.append)
    made, head = one.run(), one.ledger.head
    assert made.samples == 12
    assert any("Going on with grammar, as told" in line for line in said)
    again = search(
        tmp_path / "l", writer=Down(), fallback=GrammarWriter(), evaluator=never, say=said.append
    )
    assert again.run().finished and again.ledger.head == head
    with pytest.raises(UsageError, match="goes on with --fallback alone"):
        search(tmp_path / "l", writer=Down(), evaluator=never).run()


class Mute(GrammarWriter):
    """Answers with nothing, as a server in trouble; good again once told to."""

    name, well, asked = "mute", False, 0

    def write(self, context, n):
        self.asked += 1
        if self.well or context.sample == 1:
            return super().write(context, n)
        return [Reply("", None, "The server failed (500: oops).", failed=True)]


def test_a_writer_that_only_fails_is_down_and_is_asked_again_when_it_is_well(tmp_path):
    one, context = Mute(), Context(BRIEF, sample=2)
    one.parallel = 4
    with pytest.raises(EnvironmentFault, match="8 of them: The server failed"):
        Asker(one, Ledger(tmp_path / "a"), problems, Budget()).drafts(context, 8)
    assert one.asked == 8  # no turns to mend what never came
    one.parallel = 1
    with pytest.raises(
        EnvironmentFault, match="6 of them: The server failed"
    ):  # one came, and then none
        Asker(one, Ledger(tmp_path / "b"), problems, Budget()).drafts(Context(BRIEF), 8)
    one.well = True
    made = Asker(one, Ledger(tmp_path / "a"), problems, Budget()).drafts(context, 8)
    assert all(draft.program for draft in made)


def test_single_failures_are_kept_once_anything_came_and_cost_no_turns(tmp_path):
    one, ledger = Mute(), Ledger(tmp_path / "a")
    made = Asker(one, ledger, problems, Budget()).drafts(Context(BRIEF), 4)
    assert [len(draft.replies) for draft in made] == [1] * 4 and one.asked == 4
    assert [draft.program is None for draft in made] == [True, False, True, True]
    one.well = True
    again = Asker(one, ledger, problems, Budget()).drafts(Context(BRIEF), 4)
    assert again == made and one.asked == 4


def test_a_round_without_a_usable_reward_says_why(tmp_path):
    said = []
    cfg = replace(SMALL, iterations=1)
    Search(
        cfg, BRIEF, GrammarWriter(), evaluate, Ledger(tmp_path / "l"), lambda p: ["It is blue."],
        POOR, say=said.append,
    ).run()  # fmt: skip
    assert said[0] == "round 1: none of 6 rewards can be used; 6 times: It is blue."


def test_candidates_whose_training_fails_never_win(tmp_path):
    def fragile(jobs):
        for number, outcome in enumerate(evaluate(jobs)):
            yield replace(outcome, final=1.0, error="NaN in the reward") if number % 2 else outcome

    made = search(tmp_path / "l", evaluator=fragile).run()
    assert made.best is not None and made.best.outcome is not None and not made.best.outcome.error
    none = search(
        tmp_path / "m", evaluator=lambda jobs: (replace(o, error="x") for o in evaluate(jobs))
    )
    assert none.run().best is None


def rigged(rate):
    """An evaluator whose trainings succeed as `rate` of the job says, from begin to end."""

    def evaluator(jobs):
        for outcome in evaluate(jobs):
            found = rate(outcome.job)
            yield replace(outcome, final=found, success=((outcome.env_steps, found),))

    return evaluator


def test_the_winner_is_one_that_holds_on_a_second_seed(tmp_path):
    """On the search's own seed all is luck; on another what would have been chosen comes to nothing."""

    def rate(job):
        if job.seed == 0:
            return 0.5 + int(job.program.hash[:4], 16) / 2**17
        again.append(job.program)
        return float(len(again) > 1)  # the first of the finalists is the search's favourite

    again = []
    cfg = SearchCfg(FunnelCfg(9 * PER_ROUND), 12, 2)  # so that all rungs are whole rounds
    one = search(tmp_path / "l", cfg, evaluator=rigged(rate))
    made = one.run()
    finalists = [c for c in made.candidates if c.second]
    assert {c.program for c in finalists} == set(again) and len(again) == 3
    assert made.best in finalists and made.best.program != again[0]
    assert made.steps <= 0.35 * cfg.funnel.steps * (2 * 12 + 1)
    confirmed = [e for e in one.ledger.entries() if e["kind"] == "confirmed"]
    assert {(e["id"], e["final"]) for e in confirmed} == {(c.id, c.second.final) for c in finalists}
    assert all(e["seed"] == c.second.job.seed != 0 for e in confirmed for c in finalists)


def test_of_equally_good_rewards_the_shortest_wins():
    made = Result([], 100, 0)
    for terms in ("abc", "d", "ef"):
        source = "def {0}(s):\n    return {1} * norm(s.hand)"
        program = Program(
            tuple(
                Term(n, source.format(n, " * ".join(["s.puck[:, 0]"] * (ord(n) - 96))))
                for n in terms
            )
        )
        found = Outcome(Job("push", program, 0, 100), ((100, 0.4),), 0.4, 100, {}, 100)
        made.candidates.append(Candidate(terms, program, 0, outcome=found))
        made.note(found)
    assert made.best is not None and made.best.id == "d"


def test_a_finalist_whose_second_training_fails_does_not_win(tmp_path):
    def failing(jobs):
        for job in jobs:
            good = job.seed == 0 or job.program != one.result.best.program
            made = train(job)
            yield replace(made, final=0.6) if good else replace(made, final=0.0, error="NaN")

    one = search(tmp_path / "l", SearchCfg(FunnelCfg(9 * PER_ROUND), 12, 2), evaluator=failing)
    made = one.run()
    failed = [c for c in made.candidates if c.second and c.second.error]
    assert len(failed) == 1 and made.best is not None and made.best not in failed


def test_a_candidate_is_worth_what_its_longest_trainings_came_to_on_average():
    short, whole, again = outcome("a", 10, 0.9), outcome("a", 100, 0.6), outcome("a", 100, 0.2)
    one = Candidate("a", POOR, 0, outcome=short)
    assert one.success == 0.9 and one.longest is short
    one.second = again
    assert one.success == 0.2 and one.longest is again
    one.outcome = whole
    assert one.success == pytest.approx(0.4) and one.longest is whole


def test_small_searches_have_no_finalists_and_large_ones_no_more_than_asked_for():
    funnel = FunnelCfg(STEPS)
    assert [SearchCfg(funnel, n, 2).reserved for n in (4, 12, 60)] == [0, 2, 5]
    assert SearchCfg(funnel, 60, 2, finalists=1).reserved == 0
    assert SearchCfg(funnel, 4, 2).allowed(1) == pytest.approx(0.35 * 9 * STEPS)


@pytest.mark.parametrize("good", [False, True])
def test_the_reward_to_start_from_is_trained_no_longer_than_others_unless_it_is_good(
    tmp_path, good
):
    one = search(tmp_path / "l", evaluator=rigged(lambda j: float((j.program == POOR) == good)))
    made = one.run()
    trained = [e for e in one.ledger.entries() if e["kind"] == "trained" and e["id"] == "start"]
    assert trained[0]["steps"] == one.cfg.funnel.ladder[0]
    assert (trained[-1]["steps"] == STEPS) == good
    assert made.best is not None and (made.best.id == "start") == good


# ---------------------------------------------------------------- the funnel


def outcome(name, steps, final, first=0.0):
    job = Job("push", POOR, 0, steps)
    return Outcome(job, ((1, first), (steps, final)), final, 100, {"hover": (0.0,)}, steps)


def through(finals, **settings):
    """Rungs for candidates whose success is given, by their name and steps."""
    asked, cfg = [], FunnelCfg(9000, **settings)

    def trained(ids, steps):
        asked.extend((i, steps) for i in ids)
        return {i: outcome(i, steps, finals(i, steps)) for i in ids}

    rungs = list(halving([f"{i:02d}" for i in range(16)], trained, cfg, {}))
    return rungs, sum(steps for _, steps in asked) / (16 * cfg.steps)


def test_sixteen_candidates_cost_about_a_quarter_of_training_all_and_the_best_is_kept():
    rungs, share = through(lambda i, steps: int(i) / 20)
    assert [len(rung.outcomes) for rung in rungs] == [16, 5, 1]
    assert [rung.steps for rung in rungs] == [1000, 3000, 9000]
    assert rungs[-1].kept == ("15",)
    assert share < 0.3


def test_while_nobody_succeeds_more_go_on_within_the_share():
    rungs, share = through(lambda i, steps: 0.9 if i == "00" and steps > 1000 else 0.0)
    assert not rungs[0].gate and len(rungs[1].outcomes) == 8
    assert share <= 0.35
    assert rungs[-1].kept[0] == "00" or "00" not in rungs[1].outcomes
    late, _ = through(lambda i, steps: 0.9 if i == "15" and steps > 1000 else 0.01 * (i == "15"))
    assert late[-1].kept == ("15",)  # a late bloomer


@pytest.mark.parametrize("least", [0, 2_000, 50_000])
@pytest.mark.parametrize("first", [0.0, 1.0])
def test_three_rounds_of_sixteen_after_a_start_stay_within_the_share(least, first):
    """Whether the gate is open or shut, and however long the rungs would like to be."""
    asked, cfg = [], FunnelCfg(9000, least=least)

    def trained(ids, steps):
        asked.extend([steps] * len(ids))
        return {i: outcome(i, steps, first * (i != "start" and int(i) / 20)) for i in ids}

    one, spent = SearchCfg(cfg, 16, 3), cfg.ladder[0]  # the start
    for number in range(3):
        asked.clear()
        ids, start = [f"{i:02d}" for i in range(16)], ["start"] if number == 0 else []
        most = one.allowed(number) - spent
        rungs = list(halving([*start, *ids], trained, cfg, {}, start, most=most, full=False))
        assert rungs[-1].kept and set(start) <= set(rungs[0].outcomes)
        single = len(cfg.ladder) == 1
        assert rungs[-1].steps == cfg.steps if not first or single else cfg.ladder[-2]
        spent += sum(asked) - len(start) * cfg.ladder[0]
    assert spent + one.reserved * cfg.steps <= 0.35 * cfg.steps * (3 * 16 + 1)
    assert one.reserved == 4


def test_no_rung_is_shorter_than_what_a_training_needs_and_the_most_promising_have_it():
    assert FunnelCfg(9000, least=1500).ladder == [1500, 3000, 9000]
    assert FunnelCfg(9000, least=3500).ladder == [3500, 9000]  # two rungs alike are one
    assert FunnelCfg(9000, least=10_000).ladder == [9000]
    assert FunnelCfg(9000, least=2500).ladder == [3000, 9000]  # as 3000 tells no more than 2500
    prior = {"07": 0.9, "03": 0.7, "05": 0.6, "11": 0.8}
    asked = []

    def trained(ids, steps):
        asked.append((steps, set(ids)))
        return {i: outcome(i, steps, 0.0) for i in ids}

    ids = [f"{i:02d}" for i in range(16)]
    list(halving(ids, trained, FunnelCfg(4000, least=2040), prior))
    (first, some), (last, one) = asked
    assert (first, last) == (2040, 4000) and set(prior) <= some and one == {"07"}
    assert len(some) == 9  # what 0.35 of 16 full trainings pays for before the last
    some.clear(), asked.clear()
    list(halving(ids, trained, FunnelCfg(90_000, least=2040), prior))
    assert asked[0] == (10_000, set(ids))


def test_what_twins_do_not_need_others_may_spend():
    counts = []
    for asked in (0, 16):
        first = []

        def trained(ids, steps, first=first):
            first.append(len(ids))
            return {i: outcome(i, steps, 0.0) for i in ids}

        ids = [f"{i:02d}" for i in range(8)]
        most = 0.35 * asked * 4000 if asked else None
        list(halving(ids, trained, FunnelCfg(4000, least=2000), {}, most=most))
        counts.append(first[0])
    assert counts == [3, 8]


def test_one_rung_trains_all_in_full():
    rungs, share = through(lambda i, steps: int(i) / 20, rungs=1)
    assert share == 1 and rungs[0].kept[0] == "15"


def test_the_gate_opens_above_the_floor_and_not_at_it():
    assert competent([outcome("a", 9, 0.3), outcome("b", 9, 0.0)])
    assert not competent([outcome("a", 9, 0.01)])
    assert not competent([outcome("a", 9, 0.3, first=0.28)])
    assert not competent([])


def test_the_screen_tells_rewards_that_rank_failures_above_successes():
    rng = np.random.default_rng(0)
    done = rng.random(60) < 0.5
    gap = np.where(done, 0.05, 0.4)[:, None, None] + 0.1 * rng.random((60, 10, 1))
    states = {"puck": np.concatenate([gap, 0 * gap], -1)}
    for name in ("hand", "goal", "action"):
        states[name] = np.zeros((60, 10, 2))
    bank = Bank(states, done)

    def screened(sign):
        source = f"def d(s):\n    return {sign}norm(s.puck - s.goal)\n"
        return screen(compile_program(Program((Term("d", source, 1.0),)), BRIEF), bank)

    assert bank.tells
    assert screened("-") == (1.0, False)
    assert screened("") == (0.0, True)
    noise = rng.normal(size=400)
    assert auroc(noise, rng.random(400) < 0.5) == pytest.approx(0.5, abs=0.1)
    assert auroc(np.zeros(10), np.arange(10) < 5) == 0.5


def test_screened_candidates_are_not_trained(tmp_path):
    done = np.arange(40) < 20
    start = np.where(done, 1.0, 0.0)[:, None, None] * np.ones((40, push.HORIZON, 2))
    states = {"puck": start, "goal": 0 * start, "hand": start + 0.3, "action": 0 * start}
    made = search(tmp_path / "l", bank=Bank(states, done))  # here far from the goal succeeds
    made.run()
    dropped = {e["id"] for e in made.ledger.entries("screen") if e["dropped"]}
    trained = {e["id"] for e in made.ledger.entries("trained")}
    assert dropped and not dropped & trained


def test_what_policies_did_joins_the_bank_and_a_reward_that_never_changes_is_not_trained(tmp_path):
    nothing = push.bank(lambda world: 0 * world.hand, 5)
    assert not nothing.success.any()
    made = search(tmp_path / "l", bank=nothing)
    result = made.run()
    banks = made.ledger.entries("bank")
    assert banks[0]["episodes"] == 16  # nothing done, and what the first reward taught
    assert banks[1]["episodes"] > 16
    assert banks[-1]["won"] == sum(
        sum(c.outcome.rollouts["success"])
        for c in result.candidates
        if c.outcome and c.round < banks[-1]["round"]
    )
    still = Program((Term("lazy", "def lazy(s):\n    return -norm(s.action)\n", 1.0),))
    moving = Program((*still.terms, Term("near", "def near(s):\n    return -norm(s.puck)\n", 1.0)))
    assert nothing.still(compile_program(still, BRIEF)) == ["lazy"]
    assert nothing.still(compile_program(moving, BRIEF)) == ["lazy"]
    again = Bank.from_plain(json.loads(json.dumps(nothing.plain())))
    assert np.allclose(again.states["puck"], nothing.states["puck"], atol=1e-4)


def test_a_candidate_that_pays_the_same_everywhere_is_dropped(tmp_path):
    nothing = push.bank(lambda world: 0 * world.hand, 5)
    lazy = Program((Term("lazy", "def lazy(s):\n    return -norm(s.action)\n", 1.0),))
    made = search(tmp_path / "l", bank=nothing)
    assert not made._screened(Candidate("x", lazy, 0), nothing)
    assert made.ledger.entries("screen")[0]["still"] == ["lazy"]
