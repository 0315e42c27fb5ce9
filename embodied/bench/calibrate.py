"""``python -m embodied.bench calibrate --llm MODEL``: the temperature that makes a model honest.

Generated decisions, labelled by the solver; half of them to fit on, half to judge by. It ends with
the `--llm` to use from now on.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embodied import cli, outputs
from embodied.errors import UsageError

if TYPE_CHECKING:
    from planners.calibrate import Calibration


@dataclass(frozen=True)
class CalibrateCfg:
    """Fit a language model's temperature on labelled decisions; writes results.json."""

    llm: str
    """Language model, as of embodied run, with the settings it is to have."""
    decisions: int = 200
    """How many; every other one is fitted to."""
    seed: int = 0
    """Of the decisions."""
    out: Path | None = None
    """Run folder."""


def run(cfg: CalibrateCfg) -> int:
    """Carries out the command."""
    if cfg.decisions < 4:
        raise UsageError("--decisions must be at least 4; a few hundred give a steady figure.")
    from rich.progress import Progress

    from planners import load_language_model
    from planners.calibrate import calibrate
    from planners.decisions import decisions
    from planners.model import describe

    model = load_language_model(cfg.llm)
    folder = outputs.new_run_folder("bench", "calibrate", cfg.out)
    outputs.describe_run(folder, cfg)
    print(describe(model), flush=True)
    cases = decisions(cfg.decisions, cfg.seed)
    with Progress() as bar:
        task = bar.add_task("decisions", total=len(cases))
        found = calibrate(model, cases, lambda: bar.advance(task))
    spec = calibrated(cfg.llm, found.temperature)
    outputs.write_json(
        folder / "results.json", {"llm": cfg.llm, "calibrated": spec} | dataclasses.asdict(found)
    )
    _tell(found, cfg.llm, spec)
    return 0


def _tell(found: Calibration, llm: str, spec: str | None) -> None:
    """How honest the model's probabilities are before and after, and how to have the latter."""
    from planners.calibrate import RANGE

    for name, honesty in (("before", found.before), ("after", found.after)):
        print(
            f"{name:<7} NLL {honesty.nll:.3f}  ECE {honesty.ece:.3f}  likeliest label right "
            f"{honesty.accuracy:.1%} of {honesty.n}"
        )
    if found.temperature in RANGE:
        print(
            "the best temperature lies at the end of the range: its scores say nothing about "
            "which label is right"
            if found.temperature > 1
            else "as sharp as can be is best"
        )
    use = f"use --llm '{spec}'" if spec else f"'{llm}' has no setting for it"
    print(f"temperature {found.temperature:g} beyond what it has; {use}")


def calibrated(llm: str, factor: float) -> str | None:
    """`llm` with its temperature multiplied; None for a model without that setting."""
    from planners.spec import Spec

    spec = Spec.parse(llm)
    if spec.kind == "embedded":
        return None
    own = float(spec.settings.get("temperature", 1.0))
    settings = spec.settings | {"temperature": f"{own * factor:.4g}"}
    return str(dataclasses.replace(spec, settings=settings))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(CalibrateCfg, run, argv, prog="embodied bench calibrate")


if __name__ == "__main__":
    sys.exit(main())
