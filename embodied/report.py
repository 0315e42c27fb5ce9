"""`embodied report FOLDER`: render a run folder as one page that opens without a server.

The page, `report.html`, holds everything but the video, which lies beside it. It is made from
the event log alone, so a run that was killed gets one too. Whatever the log says is data: it is
escaped, and a content security policy in the page forbids all network access.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro
from markupsafe import Markup

from embodied import cli
from embodied.errors import UsageError
from embodied.outputs import write_text
from embodied.pages import page, source
from embodied.trace import Event, load_trace

Kind = TypeVar("Kind", list, dict)
TEMPLATE = "report.html.j2"
VIDEOS = ("rollout.mp4", "rollout.part.mp4")  # the latter: of a run that was killed

# outcome -> (word, tone). Tones are classes of the style sheet.
VERDICTS = {
    "success": ("Success", "good"),
    "failed": ("Failed", "bad"),
    "refused": ("Refused", "warn"),
    "asked": ("Asked, and got no answer", "warn"),
    "stopped": ("Stopped", "warn"),
    "step_limit": ("Stopped at the step limit", "warn"),
    "interrupted": ("Interrupted", "warn"),
    "error": ("Error", "bad"),
    "": ("Unfinished", "warn"),
}
SHOWN = 12  # labels of a decision on the page; the log has them all
TONES = {"success": "good", "failure": "bad"}


@dataclass(frozen=True)
class ReportCfg:
    """Render the report page of a run folder again."""

    folder: Annotated[Path, tyro.conf.Positional]
    """A folder that `embodied run` wrote."""


def render_report(folder: str | Path) -> Path:
    """Write `report.html` into a run folder and return its path.

    Raises:
        UsageError: the folder holds no event log with at least one event.
        EnvironmentFault: the page cannot be written.
    """
    folder = Path(folder)
    events = load_trace(folder / "events.jsonl")
    if not events:
        raise UsageError(f"{folder / 'events.jsonl'} holds no event; the run did not begin.")
    path = folder / "report.html"
    write_text(path, _page(folder, events))
    return path


def _page(folder: Path, events: Sequence[Event]) -> str:
    """Return the page for the events of `folder`."""
    script = source("report.js")
    return page(
        TEMPLATE,
        **view(events),
        video=next((name for name in VIDEOS if (folder / name).is_file()), None),
        command=_read(folder / "command.txt", str.strip, ""),
        config=_read(folder / "config.yaml", str.strip, ""),
        system=_read(folder / "system.json", _pretty_json, ""),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def view(events: Sequence[Event]) -> dict[str, Any]:
    """Return what the page shows of `events`, in plain values with every gap filled.

    Tolerates missing and odd fields, since a log may be of a killed run or of an older version.
    """
    first = _last(events, "run_started")
    last = _last(events, "run_ended")
    steps = [_step(events, decision) for decision in events if decision["type"] == "decision"]
    total = max((step["stop"] for step in steps), default=0.0)
    for index, step in enumerate(steps):
        step["index"] = index
        step["left"] = 100 * step["start"] / total if total else 0.0
        step["width"] = 100 * (step["stop"] - step["start"]) / total if total else 0.0
    word, tone = VERDICTS.get(str(last.get("outcome", "")), (str(last.get("outcome")), "warn"))
    reason = str(last.get("reason") or "")
    if not last:
        reason = "The log ends before the run does: it was killed, or it is still going on."
    return {
        "instruction": str(first.get("instruction", "?")),
        "verdict": {"word": word, "tone": tone, "reason": reason},
        "steps": steps,
        "total": total,
        "ticks": _ticks(total),
        "scene": _scene(first, next((e for e in reversed(events) if e.get("facts")), {})),
        "facts": _facts(first, last, steps),
    }


def _talk(events: Sequence[Event], decision: Event) -> list[tuple[str, str]]:
    """Who said what at one decision: amendments before a step's first, its own question, the answer."""
    said: list[tuple[str, str]] = []
    first = next(event for event in events if event["type"] == "decision") is decision
    for event in events:
        if event["type"] == "heard" and first:
            said.append(("Person", str(event.get("text") or "")))
        question = _of(dict, event.get("question")) if event["type"] == "asked" else {}
        if question and question == decision.get("question"):
            said.append(("Robot", str(question.get("text") or "")))
            said.append(("Person", str(event.get("answer") or "(no answer)")))
    return said


def _step(events: Sequence[Event], decision: Event) -> dict[str, Any]:
    """Return one decision together with the skill that it started."""
    number = decision.get("step")
    same = [event for event in events if event.get("step") == number]
    begun, ended = _last(same, "skill_started"), _last(same, "skill_ended")
    chosen = decision.get("chosen")
    outcome = str(ended.get("outcome", "unfinished" if begun else ""))
    start = _time(begun or decision)
    seconds = max(_number(ended.get("sim_seconds")), 0.0)
    # The film holds its picture at decisions, so a skill may last longer there than in the world.
    stop = max(_time(ended), start) if "video_time" in ended else start + seconds
    rows = [row for row in _of(list, decision.get("rows")) if isinstance(row, dict)]
    if decision.get("refusal"):  # what language wanted; `done` leads there, which misleads
        rows = [row for row in rows if row.get("label") != "done"]
        rows.sort(key=lambda row: -_number(row.get("p_lm")))
    shown = [row for i, row in enumerate(rows) if i < SHOWN or row.get("label") == chosen]
    return {
        "number": number,
        "chosen": str(chosen) if chosen else None,
        "refusal": str(decision.get("refusal") or ""),
        "talk": _talk(same, decision),
        "rows": [_row(row, chosen) for row in shown],
        "n_labels": decision.get("n_labels"),
        "prompt": str(decision.get("prompt") or ""),
        "calls": _number(decision.get("calls")),
        "tokens": _number(decision.get("tokens")),
        "decided_in": _number(_wall(decision).get("seconds")),
        "outcome": outcome,
        "tone": TONES.get(outcome, "warn"),
        "reason": str(ended.get("reason") or ""),
        "start": start,
        "stop": stop,
        "seconds": seconds,
        "after": _places(ended.get("facts")),
    }


def _row(row: Mapping[str, Any], chosen: Any) -> dict[str, Any]:
    """Return one label's numbers, and the widths of its bars in per cent."""
    values = {key: _number(row.get(key)) for key in ("p_lm", "affordance", "product")}
    widths = {key: 100 * min(max(value, 0.0), 1.0) for key, value in values.items()}
    label = str(row.get("label", "?"))
    return {"label": label, "chosen": label == chosen, "values": values, "widths": widths}


def _scene(first: Event, last: Event) -> list[dict[str, str | bool]]:
    """Return where everything was before and after, one row each; the robot comes first."""
    before = {"robot": str(first.get("robot_at") or "between places")}
    for name, place in _of(dict, first.get("objects")).items():
        before[str(name)] = str(place or "—")
    after = _places(last.get("facts")) or before
    names = [*before, *(name for name in after if name not in before)]
    rows = [(name, before.get(name, "—"), after.get(name, before.get(name, "—"))) for name in names]
    return [
        {"name": name, "before": old, "after": new, "moved": old != new} for name, old, new in rows
    ]


def _places(facts: Any) -> dict[str, str]:
    """Return name -> place for the facts of an event (see embodied.world.facts)."""
    facts = _of(dict, facts)
    at, holding = _of(dict, facts.get("at")), str(facts.get("holding") or "")
    places = {"robot": str(facts.get("robot_at") or "between places")} if facts else {}
    for name, place in at.items():
        places[name] = str(place or ("in the gripper" if name == holding else "elsewhere"))
    if holding and holding not in at:
        places[holding] = "in the gripper"
    return places


def _facts(first: Event, last: Event, steps: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the run's facts as (name, text); what is unknown is left out."""
    wall = _number(_wall(last).get("seconds"))
    simulated = _number(last.get("sim_seconds")) or sum(step["seconds"] for step in steps)
    factor = _number(_wall(last).get("real_time_factor")) or (simulated / wall if wall else 0.0)
    calls, tokens = (sum(step[key] for step in steps) for key in ("calls", "tokens"))
    candidates = [
        ("Language model", first.get("llm"), "{}"),
        ("Seed", first.get("seed"), "{}"),
        ("Decisions", len(steps), "{}"),
        ("Model calls", calls or None, "{:,.0f}"),
        ("Tokens", tokens or None, "{:,.0f}"),
        ("Simulated", simulated or None, "{:.1f} s"),
        ("By the clock", wall or None, "{:.1f} s"),
        ("Speed", factor or None, "{:.2f} × real time"),
    ]
    return [(name, form.format(value)) for name, value, form in candidates if value is not None]


def _ticks(total: float) -> list[dict[str, float]]:
    """Return round times for the timeline's axis, at most seven."""
    if total <= 0:
        return []
    step = next(s for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, math.inf) if total / s <= 6)
    count = int(total / step)
    return [{"seconds": i * step, "left": 100 * i * step / total} for i in range(count + 1)]


def _time(event: Event) -> float:
    """Return where an event stands in the video [s]: `video_time`, or else the simulated time."""
    return max(_number(event.get("video_time", event.get("sim_time"))), 0.0)


def _last(events: Sequence[Event], kind: str) -> Event:
    """Return the last event of a type, or an empty one."""
    return next((event for event in reversed(events) if event["type"] == kind), {})


def _wall(event: Event) -> Mapping[str, Any]:
    """Return what an event says of the clock."""
    return _of(dict, event.get("wall"))


def _of(kind: type[Kind], value: Any) -> Kind:
    """Return `value` if it is of the kind, else an empty one."""
    return value if isinstance(value, kind) else kind()


def _number(value: Any) -> float:
    """Return `value` if it is a finite number, else 0."""
    try:
        number = float(value) if isinstance(value, (int, float)) else 0.0
    except OverflowError:  # an integer beyond all floats
        return 0.0
    return number if math.isfinite(number) else 0.0


def _read(path: Path, convert: Callable[[str], str], default: str) -> str:
    """Return the converted text of an optional file."""
    try:
        return convert(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return default


def _pretty_json(text: str) -> str:
    """Return JSON text with one entry a line."""
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Render the page and print its path."""

    def body(cfg: ReportCfg) -> None:
        print(render_report(cfg.folder))

    return cli.command(ReportCfg, body, argv, prog="embodied report")


if __name__ == "__main__":
    sys.exit(main())
