"""What every command shares: flags parsed by tyro, errors as one sentence and a code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TypeVar

from embodied.errors import EmbodiedError

Cfg = TypeVar("Cfg")
INTERRUPTED = 130


def command(
    cfg_type: Callable[..., Cfg],
    body: Callable[[Cfg], int | None],
    argv: Sequence[str] | None = None,
    *,
    prog: str,
) -> int:
    """Parse `argv` into `cfg_type` and return the exit code of `body(cfg)`.

    Codes: what `body` returns (None is 0); `EmbodiedError.exit_code` with its sentence on stderr;
    2 for flags that do not parse (tyro explains them); 0 after `--help`; 130 for Ctrl-C or SIGTERM.
    Any other exception is a defect of ours and keeps its traceback.
    """
    import tyro  # 0.1 s, so not at import time

    try:
        cfg = tyro.cli(cfg_type, args=sys.argv[1:] if argv is None else list(argv), prog=prog)
    except SystemExit as stop:
        return exit_code(stop)
    return guarded(lambda: body(cfg))


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
    try:
        return body() or 0
    except EmbodiedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `embodied … | head`: the reader has seen enough
        sys.stderr.close()
        return 0
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C, so that videos and traces are closed properly."""
    raise KeyboardInterrupt
