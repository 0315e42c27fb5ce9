"""``python -m embodied.tasks generate``: the command `embodied generate`, under the tasks' name."""

from __future__ import annotations

import sys

from embodied.generate import main as generate


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    args = sys.argv[1:] if argv is None else argv
    if args[:1] == ["generate"]:
        return generate(args[1:])
    asked = args[:1] in (["-h"], ["--help"])
    print("usage: python -m embodied.tasks generate [options]; generate --help lists them",
          file=sys.stdout if asked else sys.stderr)  # fmt: skip
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())
