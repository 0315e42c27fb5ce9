"""``python -m embodied.bench WHAT``: measurements that no test may make, each in a file of its own.

A benchmark is a module here with `main(argv) -> exit code` and one line in `BENCHES`. Times are
taken side by side in one run and told as ratios, because machines differ and cores are shared.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module

BENCHES = {
    "scoring": "K labels after one prompt: what scoring them costs, in prefills",
    "skills": "measure trained skills and their success heads anew, without training",
    "train": "how fast skills train, against stock Stable-Baselines3",
    "kills": "a training killed at random points against an unbroken one",
    "rewards": "searched rewards against a task's own, and against drawing at random",
    "calibrate": "fit a language model's temperature on labelled decisions",
}


def usage() -> str:
    """Return the text of `embodied bench --help`."""
    lines = [f"  {name:<10} {line}" for name, line in BENCHES.items()]
    return "\n".join(["usage: embodied bench WHAT [options]", "", *lines])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark named first in `argv` with the rest; return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage(), file=sys.stdout if args else sys.stderr)
        return 0 if args else 2
    if args[0] not in BENCHES:
        near = difflib.get_close_matches(args[0], BENCHES, n=1, cutoff=0.4)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        print(
            f"error: no benchmark '{args[0]}'. {hint}Known: {', '.join(BENCHES)}.", file=sys.stderr
        )
        return 2
    return import_module(f"embodied.bench.{args[0]}").main(args[1:])
