"""The terminal output: plain where it must be, within 80 columns, nothing hidden or injected."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from rich.console import Console
from rich.text import Text

from embodied.console import RunConsole


@dataclass(frozen=True)
class Row:
    label: str
    p_lm: float
    affordance: float
    product: float


LONGEST = "place the grapefruit soda#2 on the close counter"
ROWS = [
    Row("find the sponge", 0.7, 0.99, 0.693),
    Row(LONGEST, 0.1, 0.5, 0.05),
    *[Row(f"find the thing {i}", 0.01, 0.5, 0.005) for i in range(10)],
    Row("done", 0.0005, 0.9, 0.00045),
]


def show(terminal: bool = False, width: int = 80, quiet: bool = False, chosen="find the sponge"):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=width, highlight=False)
    run = RunConsole(console, quiet=quiet)
    run.header("bring a [red]sponge[/red]\x1b[31m", {"language model": "embedded " * 20, "seed": 0})
    run.decision(1, ROWS, chosen, seconds=0.1234, n_labels=63)
    run.skill_started("find the sponge")
    run.skill_progress(1.2, "turning", 0.5)
    run.skill_ended("find the sponge", "failure", "the way is blocked", 5.43)
    run.verdict(
        "failed", "Gave up.", sim_seconds=30.0, wall_seconds=15.0, paths={"video": "/x" * 60}
    )
    run.close()
    return out.getvalue()


def test_a_pipe_gets_plain_lines_with_every_fact() -> None:
    text = show()
    assert "\x1b" not in text
    assert "\r" not in text
    for fact in ("0.700", "0.990", "0.693", "63 labels in 123 ms", "the way is blocked", "5.4 s",
                 "FAILED", "2.00× real time", "/x" * 60, "[red]sponge[/red]"):  # fmt: skip
        assert fact in text


def test_a_refusal_shows_what_was_wanted_and_never_done() -> None:
    out = io.StringIO()
    run = RunConsole(Console(file=out, width=80, highlight=False))
    rows = [
        Row("done", 0.6, 1.0, 0.6),
        Row("go to the user", 0.0, 1.0, 0.0),
        Row("pick up the tea", 0.4, 0.0, 0.0),
    ]
    run.decision(1, rows, None, seconds=0.1, n_labels=3, refusal="It is out of reach.")
    told = out.getvalue()
    assert "pick up the tea" in told
    assert "done" not in told
    assert "go to the user" not in told


@pytest.mark.parametrize("terminal", [False, True])
def test_the_table_fits_80_columns_without_shortening(terminal: bool) -> None:
    lines = [Text.from_ansi(line).plain for line in show(terminal=terminal).splitlines()]
    table = [line for line in lines if " 0." in line]
    assert len(table) == 5
    assert any(LONGEST in line for line in table)
    assert max(len(line) for line in table) <= 80


def test_the_chosen_row_is_marked_and_shown_wherever_it_stands() -> None:
    marked = [line for line in show().splitlines() if line.startswith("▶")]
    assert len(marked) == 1
    assert "find the sponge" in marked[0]
    [marked] = [line for line in show(chosen="done").splitlines() if line.startswith("▶")]
    assert "done" in marked
    assert "0.001" in marked or "0.000" in marked
    assert "▶" not in show(chosen=None)


def test_a_wide_terminal_gets_bars() -> None:
    assert "█" not in show(width=80)
    assert "█" * 8 in show(width=120)


def test_quiet_prints_the_verdict_only() -> None:
    text = show(quiet=True)
    assert "FAILED" in text
    assert "find the sponge" not in text


def test_an_unknown_outcome_is_still_shown() -> None:
    out = io.StringIO()
    RunConsole(Console(file=out, width=80)).verdict(
        "exploded", "", sim_seconds=0.0, wall_seconds=0.0, paths={}
    )
    assert "EXPLODED" in out.getvalue()
