"""`embodied VERB …` and `python -m embodied VERB …`: find the command, import it, run it.

Each verb is a module `embodied.<verb>` with `main(argv) -> exit code`; `python -m embodied.<verb>`
is the same command. Only the verb that is asked for gets imported.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

VERBS = {
    "run": "carry out one instruction; leaves a video, an event log and a report page",
    "train": "train a skill with PPO and evaluate it",
    "evaluate": "run a suite of instructions and count what succeeded",
    "generate": "write suite items, by grammar or by a language model",
    "eureka": "let a language model write and improve rewards",
    "report": "render a run folder's report.html again",
    "bench": "measure speed side by side; fit a language model's temperature",
    "info": "show versions, graphics, accelerator and shipped skills",
}


def available() -> dict[str, str]:
    """Return the verbs whose module is installed, each with its line of help."""
    return {verb: line for verb, line in VERBS.items() if find_spec(f"embodied.{verb}")}


def usage() -> str:
    """Return the text of `embodied --help`."""
    lines = [f"  {verb:<10} {line}" for verb, line in available().items()]
    return "\n".join(
        [
            "usage: embodied VERB [options]",
            "",
            *lines,
            "",
            "embodied VERB --help lists the options of one verb.",
            'Start with:  embodied run "bring a sponge"',
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb named first in `argv` with the rest; return its exit code (2: unknown verb)."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage(), file=sys.stdout if args else sys.stderr)
        return 0 if args else 2
    if args[0] in ("-V", "--version"):
        from embodied import __version__

        print(f"embodied-llm-rl {__version__}")
        return 0
    verbs = available()
    if args[0] not in verbs:
        near = difflib.get_close_matches(args[0], verbs, n=1, cutoff=0.4)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        print(f"error: no verb '{args[0]}'. {hint}Known: {', '.join(verbs)}.", file=sys.stderr)
        return 2
    return import_module(f"embodied.{args[0]}").main(args[1:])


if __name__ == "__main__":
    sys.exit(main())
