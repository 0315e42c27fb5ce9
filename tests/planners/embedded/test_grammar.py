"""The training grammar says what it means and keeps its held-out words to itself."""

import re

from planners.embedded.grammar import Grammar
from planners.embedded.lexicon import held_out, new_kinds, table
from planners.embedded.reading import ACTS, LINKS, QUANTS


def test_the_same_seed_gives_the_same_sentences() -> None:
    one, two = Grammar(3), Grammar(3)
    assert [one.example() for _ in range(30)] == [two.example() for _ in range(30)]


def test_readings_stay_inside_the_label_space_and_the_catalogue() -> None:
    grammar = Grammar(5)
    for _ in range(300):
        example = grammar.example()
        assert len(example.starts) == len(example.segments) and example.starts[0] == 0
        assert list(example.starts) == sorted(example.starts)
        for s in example.segments:
            assert s.act in ACTS and s.quant in QUANTS and s.link in LINKS
            assert s.members <= set(example.kinds)
            assert s.targets | s.sources <= set(example.places)
            assert not s.targets & s.sources or s.act == "none"


def test_held_out_verbs_never_occur_in_training_sentences() -> None:
    frames = " ".join(f for family in ("give", "trash", "move") for f in table("frames")[family])
    verbs = [v for group in re.findall(r"\(([^()]*)\)", frames) for v in group.split("|")]
    unseen = [v for v in verbs if held_out(v) and " " not in v]
    assert unseen, "some verbs must be held out"
    words = {w for v in verbs if not held_out(v) for w in v.split()}
    grammar = Grammar(7)
    text = " ".join(grammar.example().text for _ in range(1500))
    others = " ".join(
        str(t) for t in (table("manner"), table("nouns"), table("cannot"), table("frames"))
    )
    for verb in unseen:
        if verb not in words and len(re.findall(rf"\b{verb}\b", others)) == 1:
            assert not re.search(rf"\b{verb}\b", text), verb


def test_validation_sentences_hold_something_unseen() -> None:
    grammar = Grammar(9, training=False)
    for _ in range(20):
        grammar.example()
        assert grammar.draw.unseen > 0


def test_the_last_epochs_hold_all_words_but_no_held_out_kind() -> None:
    openings = [w for w in table("manner")["open"] if held_out(w)]
    known, whole = Grammar(11), Grammar(11, whole=True)
    before = " ".join(known.example().text for _ in range(800))
    examples = [whole.example() for _ in range(800)]
    text = " ".join(e.text for e in examples)
    assert any(w.lower() in text for w in openings)
    assert not any(f"{w.lower()} " in before for w in openings if len(w) > 12)
    assert not any(new_kinds() & set(e.kinds) for e in examples)
