"""Choices of simulated teachers (after B-Pref, arXiv 2111.03026) teach what the teachers meant."""

import json

import numpy as np
import pytest

from embodied.errors import UsageError
from planners.rewards import preference
from planners.rewards.preference import Choice, contradictions, fit, load_choices, next_pairs
from planners.rewards.program import Program, Term

TRUE = np.array([2.0, -1.0, 0.5, 0.0])  # what teachers value of four terms
STEPS = 20


def rollouts(n: int, seed: int) -> dict[str, np.ndarray]:
    """Values of the terms per step, (steps, terms); later steps tell more than the first."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(n, 1, 4))
    noise = rng.normal(size=(n, STEPS, 4))
    return {f"{i:03d}": (level + noise)[i] for i in range(n)}


def ask(teacher: str, made: dict[str, np.ndarray], n: int, seed: int = 0) -> list[Choice]:
    """`n` choices on random pairs."""
    rng, names, choices = np.random.default_rng(seed), sorted(made), []
    fade = 0.9 ** np.arange(STEPS)[::-1] if teacher == "myopic" else np.ones(STEPS)
    while len(choices) < n:
        left, right = rng.choice(names, 2, replace=False)
        gap = float(fade @ (made[left] - made[right]) @ TRUE)
        if teacher == "skipping" and abs(gap) < 20:
            continue
        value = float(gap > 0)
        if teacher == "noisy":
            value = float(rng.random() < 1 / (1 + np.exp(-gap / 15)))
        if teacher == "mistaken" and rng.random() < 0.1:
            value = 1 - value
        choices.append(Choice(str(left), str(right), value))
    return choices


def sums(made: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values.sum(0) for name, values in made.items()}


def right_of(model: preference.Preferences, seed: int = 9) -> float:
    """Share of fresh pairs, truly compared, that the fitted weights order the same."""
    fresh = np.stack(list(sums(rollouts(400, seed)).values()))
    gaps = fresh[:200] - fresh[200:]
    return float(((gaps @ model.weights > 0) == (gaps @ TRUE > 0)).mean())


@pytest.mark.parametrize(
    ("teacher", "least"),
    [("oracle", 0.93), ("noisy", 0.85), ("mistaken", 0.88), ("myopic", 0.85), ("skipping", 0.9)],
)
def test_every_teacher_is_understood(teacher, least):
    made = rollouts(80, seed=1)
    model = fit(sums(made), ask(teacher, made, 120))
    assert right_of(model) >= least
    cosine = model.weights @ TRUE / np.linalg.norm(model.weights) / np.linalg.norm(TRUE)
    assert cosine > 0.85


def test_more_choices_teach_more_and_none_of_noise_teach_nothing():
    made = rollouts(80, seed=2)
    few, many = (fit(sums(made), ask("noisy", made, n)) for n in (6, 200))
    assert right_of(many) > right_of(few)
    rng = np.random.default_rng(0)
    blind = [Choice(c.left, c.right, float(rng.random() < 0.5)) for c in ask("oracle", made, 200)]
    assert (
        fit(sums(made), blind).agreement < 0.7 < fit(sums(made), ask("oracle", made, 200)).agreement
    )


def test_asking_where_heads_disagree_beats_asking_at_random():
    gains = []
    for seed in range(8):
        made = rollouts(60, seed + 10)
        total, begun = sums(made), ask("oracle", made, 6, seed)
        chosen = list(begun)
        for _ in range(4):
            pairs = next_pairs(fit(total, chosen), total, chosen, 4)
            assert len({name for pair in pairs for name in pair}) == 8
            assert not set(map(frozenset, pairs)) & {frozenset((c.left, c.right)) for c in chosen}
            for left, right in pairs:
                gap = float((total[left] - total[right]) @ TRUE)
                chosen.append(Choice(left, right, float(gap > 0)))
        random = [*begun, *ask("oracle", made, 16, seed + 100)]
        gains.append(right_of(fit(total, chosen)) - right_of(fit(total, random)))
    assert np.mean(gains) > 0


def test_fitted_weights_become_a_reward_of_the_same_size():
    made = rollouts(60, seed=3)
    terms = [Term(f"t{i}", f"def t{i}(s):\n    return s.x[:, {i}]\n", 1.5) for i in range(4)]
    program = Program(tuple(terms))
    weighted = {name: 1.5 * total for name, total in sums(made).items()}
    tuned = fit(weighted, ask("oracle", made, 150)).reweighted(program)
    weights = np.array([term.weight for term in tuned.terms])
    assert np.abs(weights).sum() == pytest.approx(6.0, rel=1e-2)
    assert weights[0] > 1.5 > weights[2] > 0 > weights[1]
    assert [term.source for term in tuned.terms] == [term.source for term in program.terms]


def write(tmp_path, *rows):
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    return path


def test_files_of_choices_are_read_and_their_faults_named(tmp_path):
    known = ["001", "002", "rollout_a"]

    def row(left, right, choice):
        return {"left": left, "right": right, "choice": choice}

    rows = [row("001", "002", "left"), row("001", "002", "skip"), row("002", "001", "left"),
            row("001", "rollout_a", "equal"), row("002", "rollout_a", None), "",
            row("002", "rollout_a", "right")]  # fmt: skip
    made = load_choices(write(tmp_path, *rows), known)
    assert [c.value for c in made] == [1.0, 1.0, 0.5, 0.0]
    assert contradictions(made) == [("001", "002")]
    for rows, said in [
        ([], "holds no choice"),
        ([row("001", "002", "skip")], "holds no choice"),
        ([row("001", "002", "left"), row("002", "001", "left")], "cancel each other out"),
        (
            [row("001", "roll_a", "left")],
            "line 1 names a rollout 'roll_a' that there is not. Did you mean 'rollout_a'",
        ),
        ([row("001", "002", "both")], "'left', 'right', 'equal' or 'skip', not 'both'"),
        ([row("001", "001", "left")], "with itself"),
        (["{"], "line 1 is no JSON"),
        (["[1]"], 'needs "left"'),
        ([row("001", "002", ["left"])], "not .\\['left'\\]"),
        (["[" * 100_000], "line 1 is no JSON"),
    ]:
        with pytest.raises(UsageError, match=said):
            load_choices(write(tmp_path, *rows), known)
    with pytest.raises(UsageError, match="cannot be read"):
        load_choices(tmp_path / "missing", known)


def test_contradictory_choices_do_not_keep_the_rest_from_counting():
    made = rollouts(60, seed=4)
    choices = ask("oracle", made, 100)
    both = [Choice(c.right, c.left, c.value) for c in choices[:10]]
    assert len(contradictions([*choices, *both])) == 10
    assert right_of(fit(sums(made), [*choices, *both])) > 0.9
