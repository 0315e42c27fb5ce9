"""Runs that are replayed from their tapes: what was run, and whether it came out the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

from embodied.errors import UsageError
from embodied.evaluation.bench import Played, Setup, Task
from embodied.evaluation.tape import RECORD, Writer, episodes, read
from embodied.outputs import plain
from embodied.suites import load_suite
from embodied.trace import without_wall

SUITES = "suites"  # the folder of a run that keeps its suites as they were
CLOCK = ("seconds", "wall")  # keys of results.json whose values depend on the clock


def recorded(run: Path) -> tuple[Setup, list[Task], dict[str, Any]]:
    """What a recorded run was made of; every task brings its tape. Also the "run" event.

    Raises:
        UsageError: the folder holds no such run, or its suites have changed.
    """
    events = read(run / RECORD)
    if not events or events[0]["type"] != "run":
        raise UsageError(f"{run / RECORD} does not begin like the tape of a run.")
    header = events[0]
    paths = tuple(run / SUITES / name for name in header["suites"])
    skills = {family: Path(folder) for family, folder in header["skills"].items()}
    setup = Setup(paths, header["llm"], skills=skills, feedback=header["feedback"], replay=True)
    found = [load_suite(path) for path in paths]
    numbers = {suite.name: i for i, suite in enumerate(found)}
    items = [{item.id: k for k, item in enumerate(suite.items)} for suite in found]
    tasks = []
    for own in episodes(events):
        first = own[0]
        try:
            number = numbers[first["suite"]]
            item = items[number][first["id"]]
        except KeyError:
            raise UsageError(
                f"The tape in {run} has an episode of '{first['suite']}', item '{first['id']}', "
                f"which its {SUITES} folder does not; restore the folder as it was."
            ) from None
        tasks.append(Task(number, item, first["seed"], first["mode"], first["planner"], tuple(own)))
    return setup, tasks, header


def record(
    setup: Setup, prices: dict[str, Any], played: Iterable[Played], folder: Path
) -> Iterator[dict[str, Any]]:
    """The episodes as they are played, their tapes kept in the folder if the setup says so."""
    if not (setup.record or setup.replay):
        yield from (episode for episode, _ in played)
        return
    (folder / SUITES).mkdir()
    for path in setup.suites:
        copyfile(path, folder / SUITES / path.name)
    header = {
        "type": "run", "suites": [path.name for path in setup.suites], "llm": setup.llm,
        "skills": setup.skills, "feedback": setup.feedback, "prices": prices,
    }  # fmt: skip
    writer = Writer(folder / RECORD)
    writer.write([plain(header)])
    for episode, tape in played:
        writer.write(tape)
        yield episode
    writer.close()


def deterministic(results: Any) -> Any:
    """Results without what depends on the clock, at any depth."""
    if isinstance(results, dict):
        return {k: deterministic(v) for k, v in results.items() if k not in CLOCK}
    return [deterministic(v) for v in results] if isinstance(results, list) else results


def difference(run: Path, again: Path) -> str | None:
    """The first difference between two runs' results and tapes, the clock aside; None if equal."""
    for path in sorted(run.rglob("results.json")):
        name = path.relative_to(run)
        if _text(deterministic(_load(path))) != _text(deterministic(_load(again / name))):
            return f"{name} differs"
    old, new = _lines(run), _lines(again)
    for number, (was, now) in enumerate(zip(old, new, strict=False), 1):
        if was != now:
            return f"{RECORD} differs in line {number}"
    return None if len(old) == len(new) else f"{RECORD} has {len(new)} lines instead of {len(old)}"


def _lines(run: Path) -> list[str]:
    return [_text(event) for event in without_wall(read(run / RECORD))]


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
