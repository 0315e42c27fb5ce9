"""Reward programs: what compiles, what is said of what does not, and what a probe batch finds."""

from __future__ import annotations

import pytest
import torch

from planners.rewards.checks import check, probe
from planners.rewards.program import Program, ProgramError, Term, compile_program
from planners.rewards.views import Brief, Signal

BRIEF = Brief(
    "reach",
    "Touch the cube.",
    "the tcp is within 5 cm of the cube",
    (
        Signal("tcp", (3,), "m", "base", "tool centre point."),
        Signal("cube", (3,), "m", "base", "centre of the cube."),
        Signal("held", (1,), "bool", "", "whether the cube is held."),
    ),
)


def program(*sources: str, weight: float = 1.0) -> Program:
    return Program(tuple(Term(f"t{i}", s, weight) for i, s in enumerate(sources)))


def problem(source: str, weight: float = 1.0) -> ProgramError | None:
    found = check(program(source, weight=weight), BRIEF).problems
    return found[0] if found else None


def test_terms_are_the_formulas_that_they_spell() -> None:
    made = program(
        "def t0(s):\n    d = norm(s.tcp - s.cube)\n    d *= 2\n    return 1 - tanh(d)",
        "def t1(s):\n    return where(s.held > 0.5, s.tcp[:, 2], -1.0)",
        "def t2(state):\n    return np.linalg.norm(state['tcp'][:, :2], axis=-1) * state['held']",
        weight=2.0,
    )
    view = probe(BRIEF)
    compiled = compile_program(made, BRIEF)
    values = compiled(view)
    distance = (view["tcp"] - view["cube"]).norm(dim=-1)
    held = view["held"][:, 0]
    wanted = {
        "t0": 1 - torch.tanh(2 * distance),
        "t1": torch.where(held > 0.5, view["tcp"][:, 2], torch.tensor(-1.0)),
        "t2": view["tcp"][:, :2].norm(dim=-1) * held,
    }
    for name, value in wanted.items():
        assert torch.allclose(values[name], value)
    assert torch.allclose(compiled.total(view), 2 * sum(wanted.values()))


def test_a_program_survives_json_and_is_known_by_its_content() -> None:
    made = program("def t0(s):\n    return s.held")
    again = Program.from_json(made.json())
    assert again == made and again.hash == made.hash
    assert program("def t0(s):\n    return s.held", weight=2.0).hash != made.hash
    for text in ("{", "3", '{"terms": [{"name": "a"}]}', "[" * 100_000):
        with pytest.raises(ProgramError):
            Program.from_json(text)


@pytest.mark.parametrize(
    ("source", "kind", "fix"),
    [
        ("def t0(s):\n    return s.tpc", "unknown name", "tcp"),
        ("def t0(s):\n    return nrm(s.tcp)", "unknown name", "norm"),
        ("def t0(s):\n    return s.tcp", "shape", "norm"),
        ("def t0(s):\n    return s.tcp[:, :2] * s.cube", "shape", "[:, :2]"),
        ("def t0(s):\n    return s.tcp[0, 0]", "forbidden", "x[:, 0]"),
        ("def t0(s):\n    return 1 / s.held", "not finite", "1e-6"),
        ("def t0(s):\n    return exp(30 * s.tcp[:, 0])", "unbounded", "tanh"),
        ("def t0(s):\n    return 1.0", "no signal", "signal"),
        ("def t0(s):\n    return where(s.held > 7, 1, 0)", "constant", "threshold"),
        ("def t0(s):\n    return (s.held", "syntax", "return"),
        ("def t0(s):\n    return 1 if s.held else 0", "forbidden", "where"),
        ("def t0(s):\n    for i in s:\n        pass\n    return 1", "forbidden", "loop"),
        ("import os\ndef t0(s):\n    return s.held", "forbidden", "import"),
        ("def t0(s):\n    return s.tcp.sum()", "forbidden", "sum(x)"),
        ("def t0(s):\n    return s.held + 1" + " + 1" * 400, "size", "split"),
        ("def t0(s):\n    x = s.held", "forbidden", "return"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(source: str, kind: str, fix: str) -> None:
    found = problem(source)
    assert found is not None and found.kind == kind
    assert fix in found.text


def test_every_bad_term_is_reported_for_one_repair_turn() -> None:
    made = program(
        "def t0(s):\n    return s.x", "def t1(s):\n    return s.held", "def t2(s):\n    y"
    )
    assert [error.term for error in check(made, BRIEF).problems] == ["t0", "t2"]


def test_a_vector_never_multiplies_out_over_the_batch() -> None:
    made = program("def t0(s):\n    return sum(norm(s.tcp) * s.cube * s.held)")
    view = probe(BRIEF)
    wanted = (view["tcp"].norm(dim=-1)[:, None] * view["cube"] * view["held"]).sum(-1)
    assert torch.allclose(compile_program(made, BRIEF)(view)["t0"], wanted)


def test_the_document_names_every_signal_and_no_reward() -> None:
    text = BRIEF.document()
    assert all(signal.name in text for signal in BRIEF.signals)
    assert BRIEF.success_in_words in text
