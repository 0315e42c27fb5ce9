"""Where the time of a training goes: exclusive times of methods, by name."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any


class Clock:
    """Seconds spent in watched methods. What runs inside another watched call counts for itself alone.

    Args:
        wait: called before each reading, so that work which a device still has to do is counted where
            it was asked for; None on the CPU.
    """

    def __init__(self, wait: Callable[[], None] | None = None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._wait = wait
        self._open: list[str] = []
        self._since = 0.0

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Counts every call of owner.method from now on as `name`."""
        original = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._turn(opened=name)
            try:
                return original(*args, **kwargs)
            finally:
                self._turn()

        setattr(owner, method, timed)

    def _turn(self, opened: str | None = None) -> None:
        """Books the time since the last turn on what was running, and goes on to what runs now."""
        if self._wait is not None:
            self._wait()
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        if opened is None:
            self._open.pop()
        else:
            self._open.append(opened)
        self._since = now
