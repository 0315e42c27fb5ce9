"""What a run shows in the terminal: decisions as tables, skills as live lines, the verdict.

In a terminal the running skill is one line that updates itself. Everywhere else (a pipe, a file,
CI) the same facts come as plain lines without control codes. All of it fits 80 columns.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from planners.model import Question

MARKS = {"success": ("✔", "green"), "failure": ("✘", "red")}
VERDICTS = {
    "success": ("SUCCESS", "bold green"),
    "failed": ("FAILED", "bold red"),
    "refused": ("REFUSED", "bold yellow"),
    "asked": ("ASKED", "bold yellow"),
    "stopped": ("STOPPED", "bold yellow"),
    "step_limit": ("STOPPED AT THE STEP LIMIT", "bold yellow"),
    "interrupted": ("INTERRUPTED", "bold yellow"),
    "error": ("ERROR", "bold red"),
}
LABEL_WIDTH = 48  # the longest label there is; with the three numbers that makes 80 columns
BAR_WIDTH = 12  # drawn where there is room for it


class RowLike(Protocol):
    """One label of a decision: what the language model and the affordance say of it."""

    @property
    def label(self) -> str: ...
    @property
    def p_lm(self) -> float: ...
    @property
    def affordance(self) -> float: ...
    @property
    def product(self) -> float: ...


class RunConsole:
    """Prints one run.

    Args:
        console: where to; None for stdout.
        quiet: print the verdict only.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = console or Console(highlight=False, soft_wrap=False)
        self.quiet = quiet
        self._live: Live | None = None
        self._skill = ""
        self._put = ""  # the question that was last put at the terminal

    def header(self, instruction: str, facts: Mapping[str, Any]) -> None:
        """Show the instruction and one line for each fact, e.g. {"language model": "embedded"}."""
        if self.quiet:
            return
        self._print(Text(f"“{_one_line(instruction)}”", style="bold"))
        width = max((len(name) for name in facts), default=0)
        for name, value in facts.items():
            first, *rest = self._wrap(str(value), indent=width + 4) or [""]
            self._print(Text.assemble((f"  {name:<{width}}  ", "dim"), first))
            for line in rest:
                self._print(Text(" " * (width + 4) + line))

    def decision(
        self,
        step: int,
        rows: Sequence[RowLike],
        chosen: str | None,
        *,
        seconds: float,
        n_labels: int,
        top: int = 5,
        refusal: str | None = None,
    ) -> None:
        """Show the leading labels of a decision; `rows` are sorted, best first.

        Args:
            step: counts from 1.
            rows: all or the leading rows; the chosen one is shown wherever it stands.
            chosen: the chosen label, None when the instruction is refused.
            seconds: how long the decision took.
            n_labels: how many labels were weighed.
            top: how many rows to show.
            refusal: why nothing was chosen.
        """
        if self.quiet:
            return
        self._print(Text(""))
        self._print(
            Text.assemble(
                (f"step {step}", "bold"), (f"  {n_labels} labels in {seconds * 1e3:.0f} ms", "dim")
            )
        )
        names = f"  {'skill':<{LABEL_WIDTH}} {'language':>8}  {'affordance':>10}  {'product':>7}"
        shown = wanted(rows)[:top] if refusal else list(rows[:top])
        shown += [row for row in rows[top:] if row.label == chosen]
        if shown:
            self._print(Text(names, style="dim"))
        for row in shown:
            self._print(self._row(row, row.label == chosen))
        if refusal:
            self._print(Text.assemble(("✘ ", "yellow"), f"refused: {_one_line(refusal)}"))

    def _row(self, row: RowLike, chosen: bool) -> Text:
        """Return one line of a decision's table."""
        spare = self.console.width - (LABEL_WIDTH + 32)
        filled = round(BAR_WIDTH * min(max(row.product, 0.0), 1.0)) if spare > BAR_WIDTH + 2 else 0
        return Text.assemble(
            ("▶ " if chosen else "  ", "bold green"),
            (_fit(row.label, LABEL_WIDTH), "bold" if chosen else ""),
            (f" {row.p_lm:>8.3f}", "blue"),
            (f"  {row.affordance:>10.3f}", "yellow"),
            (f"  {row.product:>7.3f}", "bold green" if chosen else "green"),
            (f"  {'█' * filled}", "green"),
        )

    def asked(self, question: str, answer: str | None) -> None:
        """Show what the robot asked and what it was told."""
        if self.quiet or self._put == question:
            return  # whoever answered at the terminal has it before them
        self._print(Text.assemble(("? ", "bold cyan"), _one_line(question)))
        self._print(Text(f"  “{_one_line(answer)}”" if answer else "  (no answer)", style="dim"))

    def ask(self, question: Question) -> str:
        """Put a question and wait for a line. Raises EOFError when there will be none."""
        self._put = question.text
        self._print(Text.assemble(("? ", "bold cyan"), _one_line(question.text)))
        return self.console.input("  » ")

    def heard(self, text: str) -> None:
        """Show what the person said in mid-task."""
        if not self.quiet:
            self._print(Text.assemble(("\n» ", "bold cyan"), f"“{_one_line(text)}”"))

    def skill_started(self, label: str) -> None:
        """Show that a skill begins."""
        if self.quiet:
            return
        self._skill = label
        if self.console.is_terminal:
            self._live = Live(console=self.console, transient=True, refresh_per_second=8)
            self._live.start()
            self.skill_progress(0.0)

    def skill_progress(
        self, sim_seconds: float, phase: str = "", fraction: float | None = None
    ) -> None:
        """Update the running skill's line (terminals only).

        Args:
            sim_seconds: simulated time since the skill began [s].
            phase: a word or two, e.g. "lifting".
            fraction: how far it is, in [0, 1]; None when unknown.
        """
        if self._live is None:
            return
        bar = ""
        if fraction is not None:
            filled = round(16 * min(max(fraction, 0.0), 1.0))
            bar = "━" * filled + "╌" * (16 - filled) + "  "
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append("… ", "cyan").append(self._skill, "bold").append(f"  {sim_seconds:.1f} s  ")
        line.append(bar, "cyan").append(_one_line(phase), "dim")
        self._live.update(line)

    def skill_ended(self, label: str, outcome: str, reason: str, sim_seconds: float) -> None:
        """Show how a skill ended. `outcome` is "success" or "failure"."""
        self._stop_live()
        if self.quiet:
            return
        mark, color = MARKS.get(outcome, ("•", "yellow"))
        line = Text.assemble((f"{mark} ", f"bold {color}"), (_fit(label, LABEL_WIDTH), "bold"))
        self._print(line.append(f" {sim_seconds:6.1f} s  ").append(outcome, color))
        if reason and outcome != "success":
            for words in self._wrap(reason, indent=2):
                self._print(Text(f"  {words}"))

    def note(self, text: str) -> None:
        """Show one automatic choice or warning with its reason."""
        if not self.quiet:
            self._print(Text.assemble(("note: ", "dim"), _one_line(text)))

    def verdict(
        self,
        outcome: str,
        reason: str,
        *,
        sim_seconds: float,
        wall_seconds: float,
        paths: Mapping[str, Path | str],
    ) -> None:
        """Show how the run ended, its speed, and where its files are.

        Args:
            outcome: a key of `VERDICTS`.
            reason: one sentence, may be empty.
            sim_seconds: simulated time [s].
            wall_seconds: time by the clock [s].
            paths: e.g. {"video": …, "report": …}; absent files are left out.
        """
        self._stop_live()
        word, style = VERDICTS.get(outcome, (outcome.upper(), "bold"))
        self._print(Text(""))
        self._print(Text.assemble((word, style), f"  {_one_line(reason)}" if reason else ""))
        factor = f", {sim_seconds / wall_seconds:.2f}× real time" if wall_seconds > 0 else ""
        self._print(
            Text(f"  {sim_seconds:.1f} s simulated in {wall_seconds:.1f} s{factor}", style="dim")
        )
        width = max((len(name) for name in paths), default=0)
        for name, path in paths.items():
            # Never folded or shortened: a path is there to be copied.
            self.console.print(f"  {escape(name):<{width}}  {escape(str(path))}", soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was. Safe to call at any time, and twice."""
        self._stop_live()

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _wrap(self, text: str, indent: int) -> list[str]:
        """Return `text` in lines that fit after `indent` columns; one line outside terminals."""
        width = self.console.width - indent if self.console.is_terminal else 10_000
        return textwrap.wrap(_one_line(text), max(width, 20))

    def _print(self, text: Text) -> None:
        """Print a line; in a terminal long ones wrap at words, elsewhere they stay whole."""
        text.rstrip()
        self.console.print(text, soft_wrap=not self.console.is_terminal)


def wanted(rows: Sequence[RowLike]) -> list[RowLike]:
    """The rows that tell why nothing was chosen: what language wants, likeliest first.

    Not `done`, which leads where nothing fits, and would say the opposite.
    """
    meant = [row for row in rows if row.p_lm >= 0.01 and row.label != "done"]
    return sorted(meant, key=lambda row: -row.p_lm)


def _one_line(text: str) -> str:
    """Return `text` on one line, without control characters: it may come from anywhere."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _fit(text: str, width: int) -> str:
    """Return `text` padded or shortened to `width` terminal cells."""
    text = _one_line(text)
    if cell_len(text) > width:
        while cell_len(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - cell_len(text))
