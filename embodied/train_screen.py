"""What a terminal shows of trainings while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from policies.checkpoints import Progress


@contextmanager
def progress_bars(
    totals: Mapping[str, int], console: Console | None = None
) -> Iterator[Callable[[str, int, Mapping[str, float]], None]]:
    """Shows trainings' progress, by name and steps; yields what is to be called with a name, its steps and
    figures."""
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.description}"), rich.BarColumn(), rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.Progress(*columns, console=console) as bar:
        tasks = {name: bar.add_task(name, total=total) for name, total in totals.items()}

        def progress(name: str, steps: int, figures: Mapping[str, float]) -> None:
            text = f"{name}  success {figures['success']:6.1%}  length {figures['length']:5.1f}"
            bar.update(tasks[name], completed=min(steps, totals[name]), description=text)

        yield progress


@contextmanager
def progress_bar(name: str, total: int, console: Console) -> Iterator[Progress]:
    """`progress_bars` of one training; what it yields takes no name."""
    with progress_bars({name: total}, console) as progress:
        yield partial(progress, name)
