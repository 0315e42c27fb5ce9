"""The tape of an episode: every model call, decision and skill, kept in the order they happened.

A run's tape is `record.jsonl.gz`, one JSON object per line. "run" opens it; each "episode" is
followed by its own lines; "labels" lists a set of labels once, and others name it by its key. What
depends on the clock stands under "wall" (`embodied.trace.without_wall`), so that a replay of the
tape writes an equal one. A prompt is kept as what it is made of; `Prompt.text` renders it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from embodied.errors import UsageError
from embodied.outputs import plain, write_fault
from embodied.trace import Event
from planners.model import Prompt

RECORD = "record.jsonl.gz"


class UnknownPromptError(UsageError):
    """A replay came to something that the recorded run never asked its model."""


class Tape:
    """Keeps what happens in one episode after the other.

    keeps: whether anything is kept; without it `ask` just asks.
    """

    def __init__(self, keeps: bool = True) -> None:
        self.keeps = keeps
        self.events: list[Event] = []
        self.seconds, self.written = 0.0, 0  # of the model, in this episode

    def begin(self, **episode: Any) -> None:
        """A new episode; the events so far are forgotten."""
        self.events, self.seconds, self.written = [], 0.0, 0
        self.note("episode", **episode)

    def note(self, type: str, **fields: Any) -> None:
        """Keeps one event."""
        if self.keeps:
            self.events.append(plain({"type": type, **fields}))

    def ask(
        self, kind: str, prompt: Prompt, labels: Sequence[str], answer: Callable[[], Any]
    ) -> Any:
        """What `answer` gives, plain values for JSON; kept under what was asked.

        Args:
            kind: what the model does, e.g. "score".
            labels: what it chooses from, if it does.
        """
        began = time.perf_counter()
        said = plain(answer())
        seconds = time.perf_counter() - began
        self.seconds += seconds
        self.call(kind, prompt, labels, said, seconds)
        return said

    def call(
        self, kind: str, prompt: Prompt, labels: Sequence[str], said: Any, seconds: float
    ) -> None:
        """Keeps one call of the model and its answer."""
        if self.keeps:
            self.note(
                "call", kind=kind, prompt=as_json(prompt), labels=self.label_set(labels),
                answer=said, wall={"seconds": round(seconds, 6)},
            )  # fmt: skip

    def label_set(self, labels: Sequence[str]) -> str | None:
        """The key of these labels, which are kept when they are new to the episode."""
        if not labels:
            return None
        key = label_key(labels)
        if self.keeps and not any(e["type"] == "labels" and e["key"] == key for e in self.events):
            self.note("labels", key=key, labels=labels)
        return key


class Replay(Tape):
    """Answers from the tape of one episode instead of asking, and keeps a new one as it goes."""

    def __init__(self, events: Iterable[Event]) -> None:
        super().__init__()
        self._answers: dict[str, deque[Any]] = defaultdict(deque)
        for event in events:
            if event["type"] == "call":
                asked = _asked(event["kind"], event["prompt"], event["labels"])
                self._answers[asked].append(event["answer"])

    def ask(
        self, kind: str, prompt: Prompt, labels: Sequence[str], answer: Callable[[], Any]
    ) -> Any:
        """The recorded answer; `answer` is never called.

        Raises:
            UnknownPromptError: the recorded run did not ask this, or not so often.
        """
        key = label_key(labels) if labels else None
        left = self._answers[_asked(kind, as_json(prompt), key)]
        if not left:
            raise UnknownPromptError(
                f"The recorded run never asked its model to {kind} after {len(prompt.history)} "
                f"skills of '{prompt.instruction}' in this state: code, skills or machine differ "
                "from those of the recording. Run it again without --replay."
            )
        said = left.popleft()
        self.call(kind, prompt, labels, said, 0.0)
        return said


def as_json(prompt: Prompt) -> dict[str, Any]:
    """A prompt in plain values, all of it."""
    return plain(
        {
            "instruction": prompt.instruction,
            "history": [[step.label, step.outcome] for step in prompt.history],
            "facts": prompt.facts.to_json(),
            "turns": prompt.turns,
        }
    )


def label_key(labels: Sequence[str]) -> str:
    """A short name for these labels in this order."""
    return hashlib.sha256("\n".join(labels).encode()).hexdigest()[:12]


def episodes(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events of one episode after the other; each begins with "episode"."""
    own: list[Event] = []
    for event in events:
        if event["type"] == "episode" and own:
            yield own
            own = []
        if own or event["type"] == "episode":
            own.append(event)
    if own:
        yield own


class Writer:
    """Writes a run's tape, episode by episode; each set of labels once."""

    def __init__(self, path: Path) -> None:
        self.path, self._known = path, set[str]()
        try:
            self._file = gzip.GzipFile(path, "wb", compresslevel=6, mtime=0)
        except OSError as error:
            raise write_fault(path, error) from error

    def write(self, events: Iterable[Event]) -> None:
        """Appends these events.

        Raises:
            EnvironmentFault: the disk is full or gone.
        """
        for event in events:
            if event["type"] == "labels":
                if event["key"] in self._known:
                    continue
                self._known.add(event["key"])
            line = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            try:
                self._file.write(line.encode() + b"\n")
            except OSError as error:
                raise write_fault(self.path, error) from error

    def close(self) -> None:
        """Finishes the file."""
        self._file.close()


def read(path: Path) -> list[Event]:
    """The events of a tape.

    Raises:
        UsageError: there is none, or it is damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        raise UsageError(
            f"{path.parent} has no {RECORD}; --replay takes a folder that `embodied evaluate` wrote "
            "without --no-record."
        ) from None
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"The tape {path} is damaged: {error}.") from error


def _asked(kind: str, prompt: dict[str, Any], labels: str | None) -> str:
    return json.dumps([kind, prompt, labels], sort_keys=True, ensure_ascii=False)
