"""What every command shares: flags parsed by tyro, errors as one sentence and a code."""

from __future__ import annotations

import atexit
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from embodied.errors import EmbodiedError, UsageError
from embodied.outputs import FULL, write_fault
from embodied.text import printable

Cfg = TypeVar("Cfg")
INTERRUPTED = 130
SEEDS = (0, 2**31 - 1)  # what every generator below takes, with room for offsets


def command(
    cfg_type: Callable[..., Cfg],
    body: Callable[[Cfg], int | None],
    argv: Sequence[str] | None = None,
    *,
    prog: str,
) -> int:
    """Parse `argv` into `cfg_type` and return the exit code of `body(cfg)`.

    Codes: what `body` returns (None is 0); `EmbodiedError.exit_code` with its sentence on stderr;
    2 for flags that do not parse (tyro explains them); 0 after `--help`; 130 for Ctrl-C or SIGTERM;
    3 where a disk is full, whatever wrote to it.
    Any other exception is a defect of ours and keeps its traceback.
    """

    def parsed() -> int | None:
        import tyro  # 0.1 s, so not at import time

        try:
            cfg = tyro.cli(cfg_type, args=sys.argv[1:] if argv is None else list(argv), prog=prog)
        except SystemExit as stop:
            return exit_code(stop)
        return body(cfg)

    return guarded(parsed)


def exit_code(stop: SystemExit) -> int:
    """Return the exit code of a parser that has printed its help (0) or its complaint (2)."""
    if stop.code is None:
        return 0
    return stop.code if isinstance(stop.code, int) else 2


def guarded(body: Callable[[], int | None]) -> int:
    """Return the exit code of `body()`, with errors and interruptions reported as in `command`."""
    try:
        previous = signal.signal(signal.SIGTERM, _interrupt)
    except ValueError:  # not the main thread: signals are somebody else's
        previous = None
    code = 0
    try:
        code = body() or 0
        if sys.stdout is not None:
            sys.stdout.flush()  # what cannot be written is found out here, not at exit
        return code
    except EmbodiedError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `embodied … | head`: the reader has seen enough
        _mute()
        with suppress(OSError):
            sys.stderr.close()
        return code
    except OSError as error:
        if error.errno not in FULL:
            raise
        return _full(error)
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)
        atexit.unregister(_deaf)
        atexit.register(_deaf)  # what is registered last is done first


def _full(error: OSError) -> int:
    """Say that the disk is full, if that can still be said; return the exit code."""
    fault = write_fault(error.filename or "the output", error)
    with suppress(OSError):  # standard error may be a file on the same disk
        print(f"error: {printable(str(fault))}", file=sys.stderr, flush=True)
    _mute()
    return fault.exit_code


def _mute() -> None:
    """Give up standard output: a flush that fails at exit would change the code."""
    if sys.stdout is None:
        return
    with suppress(OSError):
        sys.stdout.flush()
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it stays open to the end


def check_range(flag: str, value: float, low: float, high: float | None = None) -> None:
    """Refuse a number that a flag cannot have.

    Raises:
        UsageError: it is below `low`, or above `high`.
    """
    if not low <= value <= (math.inf if high is None else high):  # nor is NaN in any range
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise UsageError(f"--{flag} must be {bounds}, not {value}.")


class Interrupts:
    """Ctrl-C and SIGTERM at times that suit: the first one raises KeyboardInterrupt, once.

    Between `hold` and `release` it is kept waiting, and from the first one or from `close` on all
    are ignored, so that an impatient second Ctrl-C does not interrupt the closing of files.
    Elsewhere than in the main thread signals are somebody else's, and nothing happens here.
    """

    def __init__(self) -> None:
        self._held = self._pending = self._over = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over."""
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._arrived)
        except ValueError:
            self._previous.clear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Give them back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Keep a signal waiting from now on."""
        self._held = True

    def release(self) -> None:
        """Let them through again; raises KeyboardInterrupt if one is waiting."""
        self._held = False
        if self._pending:
            self._arrived(signal.SIGINT, None)

    def close(self) -> None:
        """Ignore all from now on."""
        self._over = True

    @property
    def arrived(self) -> bool:
        """Whether there was one. What it interrupts may make another error of it, such as an ImportError."""
        return self._pending

    def _arrived(self, signum: int, frame: FrameType | None) -> None:
        if self._over:
            return
        self._pending = True
        if not self._held:
            self._over = True
            raise KeyboardInterrupt


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C, so that videos and traces are closed properly."""
    raise KeyboardInterrupt


def _deaf() -> None:
    """Ignore Ctrl-C while the interpreter closes down, which takes torch a second.

    One that came then would end the process by its signal, whatever its exit code was to be.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
