"""Twins: the same words where they can and where they cannot be carried out; honest weights."""

from collections import defaultdict

import numpy as np

from planners.embedded.calibration import ece
from planners.embedded.grammar import Grammar
from planners.embedded.lexicon import new_kinds
from planners.embedded.twins import twins


def test_most_sentences_have_a_scene_of_either_sort() -> None:
    found = defaultdict(set)
    for twin in twins(Grammar(3), 60, seed=3):
        found[twin.text].add(twin.feasible)
        assert (twin.meant.problem is None) == twin.feasible
    assert sum(len(sorts) == 2 for sorts in found.values()) > 0.5 * len(found)


def test_kinds_kept_out_of_training_are_spoken_of_in_validation_alone() -> None:
    grammar, strange = Grammar(5), Grammar(5, training=False, strange=True)
    for _ in range(200):
        assert not set(grammar.example().kinds) & new_kinds()
    for _ in range(20):
        meant = {name for s in strange.example().segments for name in s.members}
        assert meant & new_kinds()


def test_ece_is_zero_for_honest_weights_and_large_for_boasts() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1.0, 20_000)
    honest = (rng.uniform(size=20_000) < confidence).astype(float)
    assert ece(confidence, honest) < 0.02
    assert ece(np.full(1000, 0.95), np.tile([1.0, 0.0], 500)) > 0.4
