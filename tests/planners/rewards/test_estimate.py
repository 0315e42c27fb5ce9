"""What rewards are worth, told from their own trainings and from those of their relatives."""

import numpy as np
import pytest

from planners.rewards import estimate
from planners.rewards.estimate import Estimate, Trial
from planners.rewards.program import Program, Term


def program(*weights, **named):
    """Terms named after what they pay for."""
    rows = {**{"abcdef"[i]: w for i, w in enumerate(weights)}, **named}
    return Program(
        tuple(
            Term(name, f"def {name}(s):\n    return 1 - tanh(5 * norm(s.{name}))", weight)
            for name, weight in rows.items()
        )
    )


def drawn(rng):
    return program(**{n: float(rng.uniform(0.5, 2)) for n in rng.permutation(list("abcdef"))[:3]})


def test_nothing_is_known_of_nothing():
    assert Estimate([]).worths([]) == Estimate([]).promises([]) == []
    assert Estimate([]).worths([program(1)]) == [0.5]
    first, second, longer = Estimate([]).promises([program(1), program(2), program(1, 1, 1)])
    assert first == second == longer > 0  # nor do more terms promise more
    known = Estimate([Trial(program(1), 10, 0.5)])
    assert known.worths([]) == known.promises([]) == []


def test_what_a_term_is_worth_is_told_of_programs_that_were_never_trained():
    """Rewards with term a come to 0.7, others to 0.3, and every training has luck of 0.2."""
    rng, correlations = np.random.default_rng(0), []
    for _ in range(5):
        known, new = ([drawn(rng) for _ in range(n)] for n in (30, 60))
        good = lambda p: 0.3 + 0.4 * any(t.name == "a" for t in p.terms)  # noqa: E731
        trials = [Trial(p, 100, good(p) + 0.2 * rng.standard_normal()) for p in known]
        correlations.append(np.corrcoef(Estimate(trials).worths(new), [good(p) for p in new])[0, 1])
    assert np.mean(correlations) > 0.7


def test_the_best_by_estimate_is_better_than_the_luckiest():
    """Terms are worth what they are, rewards the sum of it, and trainings have as much luck as worth."""
    gained = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        value = dict(zip("abcdef", rng.normal(0, 0.1, 6), strict=True))
        programs = [drawn(rng) for _ in range(30)]
        true = [0.5 + sum(value[term.name] for term in p.terms) for p in programs]
        found = np.array(true) + 0.2 * rng.standard_normal(30)
        trials = [Trial(p, 100, float(s)) for p, s in zip(programs, found, strict=True)]
        best = int(np.argmax(Estimate(trials).worths(programs)))
        gained.append(true[best] - true[int(np.argmax(found))])
    assert np.mean(gained) > 0.03, gained


def test_long_and_short_trainings_are_compared_as_if_equally_long():
    """Six rewards were trained shortly, others for long; those are better that came far in short time."""
    quick = [program(1.0, 1.0 + i / 20) for i in range(6)]
    slow = [program(c=1.0, d=1.0 + i / 20) for i in range(2)]
    other = [program(e=1.0, f=1.0 + i / 20) for i in range(4)]
    trials = [Trial(p, 100, 0.4) for p in quick] + [Trial(p, 100, 0.1) for p in (*slow, *other)]
    trials += [Trial(p, 400, 0.6) for p in slow]
    known = Estimate(trials)
    high, low = known.worths([quick[0], slow[0]])
    assert high > low > 0.5  # what short trainings come to is not what long ones will
    plain = Estimate([Trial(t.program, 100, t.success) for t in trials])
    high, low = plain.worths([quick[0], slow[0]])
    assert high < 0.5  # if all had been equally long


def test_how_much_is_luck_is_told_of_repeated_trainings():
    """The same programs twice: with equal success, the best is to be believed; with unequal, it is not."""
    programs = [program(**{f"x{i}": 1.0}) for i in range(12)]
    found = np.linspace(0.2, 0.8, 12)
    for again, believed in ((found, True), (found[::-1], False)):
        trials = [Trial(p, 100, float(s), 0) for p, s in zip(programs, found, strict=True)]
        trials += [Trial(p, 100, float(s), 1) for p, s in zip(programs, again, strict=True)]
        worths = Estimate(trials).worths(programs)
        assert (worths[-1] > 0.7) == believed and (worths[-1] < 0.55) != believed


def test_equal_worths_are_equal_to_the_last_digit():
    programs = [program(**{f"x{i}": 1.0}) for i in range(30)]
    known = Estimate([Trial(p, 100, 0.3) for p in programs])
    assert len(set(known.worths(programs))) == len(set(known.promises(programs))) == 1


def test_what_is_known_to_be_as_good_promises_less_than_what_may_be_better():
    """A copy of the best, the best with a new term, and something else than all that came to nothing."""
    best, more, other = (
        program(good=1.0, sound=1.0),
        program(good=1.0, sound=1.0, new=1.0),
        program(u=1.0),
    )
    trials = [Trial(program(good=1.0, sound=1 + i / 50), 100, 0.8 + i / 100) for i in range(-3, 4)]
    trials += [Trial(program(**{f"x{i}": 1.0}), 100, 0.1 + i / 100) for i in range(8)]
    copied, grown, strange = Estimate(trials).promises([best, more, other])
    assert grown > copied and grown > strange > 0


@pytest.mark.parametrize("seed", range(3))
def test_likeness_is_a_covariance(seed):
    rng = np.random.default_rng(seed)
    programs = [drawn(rng) for _ in range(20)]
    found = estimate._alike(programs, programs)
    assert np.allclose(np.diag(found), 3) and np.allclose(found, found.T)
    assert found.min() >= 0 and np.linalg.eigvalsh(found).min() > -1e-9
    assert estimate._alike([program(a=1.0)], [program(b=1.0)]) == [[0.0]]
    near, far = estimate._alike([program(a=1.0)], [program(a=1.1), program(a=100.0)])[0]
    assert 1 > near > far > 0


def term(source, weight=1.0):
    return Term("name", source, weight)


def test_a_term_is_known_by_what_it_computes_not_by_its_name_or_what_is_said_of_it():
    plain = term("def near(s):\n    return -0.2 * norm(s.x1)")
    told = term(
        'def yours(s):\n    """Of 3 ideas the 2nd."""\n    # 1e999\n    return -2e-1 * norm(s.x1)  # 7'
    )
    assert estimate._told(plain) == estimate._told(told)
    text, numbers = estimate._told(plain)
    assert "x1" in text and numbers == pytest.approx(np.log([0.2, 1.0]), abs=1e-3)
    with_numbers = term("def near(s):\n    return -.3 * norm(s.x1)", 2.0)
    assert estimate._told(with_numbers)[0] == text
    others = (
        term("def near(s):\n    return -0.2 * norm(s.x2)"),
        term("def near(s):\n    return 0.2 * norm(s.x1)"),
        term(plain.source, -1.0),  # the very opposite
    )
    for other in others:
        assert estimate._alike([Program((plain,))], [Program((other,))])[0, 0] == 0
