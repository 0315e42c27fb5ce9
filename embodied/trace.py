"""The event log of a run: one JSON object per line, appended and flushed as things happen.

Everything that depends on the clock lives under the key "wall", so that two runs of one seed on one
machine differ in nothing else: `without_wall` of their events is equal byte for byte.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from embodied.errors import UsageError
from embodied.outputs import plain, write_fault

Event = dict[str, Any]
DIGITS = 6  # significant digits kept of a float: far below any difference that matters here


class Trace:
    """Appends events to a file. What has been emitted survives whatever happens to the process."""

    def __init__(self, path: str | Path) -> None:
        """Open `path` for appending. Raises EnvironmentFault when that is impossible."""
        self.path = Path(path)
        try:
            # Unbuffered, so that a full disk is noticed at the event that met it.
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise write_fault(self.path, error) from error

    def emit(self, type: str, **fields: Any) -> Event:
        """Append one event and return it as written.

        A "run_ended" event is forced onto the disk. Numpy values and dataclasses become plain
        values, floats are rounded to six significant digits, NaN and infinities become null.

        Raises:
            EnvironmentFault: the disk is full or gone. The line is then taken back, so that the
                file ends with the last whole event.
        """
        event = _rounded(plain({"type": type, **fields}))
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self._append(line)
            if type == "run_ended":
                os.fsync(self._file.fileno())
        except OSError as error:
            raise write_fault(self.path, error) from error
        return event

    def _append(self, line: bytes) -> None:
        """Write all of `line` or none of it."""
        end = os.fstat(self._file.fileno()).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            if self.path.is_file():
                os.truncate(self._file.fileno(), end)
            raise

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        self._file.close()


def load_trace(path: str | Path) -> list[Event]:
    """Return the whole events of `path`, up to the first line that is not one.

    A process that was killed while writing leaves a torn last line; it is left out.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(
            f"No event log at {path} ({error.strerror}); name a folder that `embodied run` wrote."
        ) from error
    events: list[Event] = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            break
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            break
        events.append(event)
    return events


def without_wall(events: Iterable[Event]) -> list[Event]:
    """Return `events` without what depends on the clock: the deterministic part of a run."""
    return [{key: item for key, item in event.items() if key != "wall"} for event in events]


def _rounded(value: Any) -> Any:
    """Return `value` with finite floats at `DIGITS` significant digits and the others null."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
