"""``python -m embodied.eureka TASK``: let a grammar or a language model write and improve rewards.

- `command`: the search, its flags and its run folder. `reproduce`: one training of it again.
- `policies`: what was trained, kept in the run folder. `film`: videos of two of them.
- `page`: the report. What it all rests on is in `planners.rewards`; the training, in
  `embodied.candidates`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from embodied import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args[:1] == ["reproduce"]:
        from embodied.eureka.reproduce import ReproduceCfg, reproduce

        return cli.command(ReproduceCfg, reproduce, args[1:], prog="embodied eureka reproduce")
    from embodied.eureka.command import EurekaCfg, run

    return cli.command(EurekaCfg, run, args, prog="embodied eureka")
