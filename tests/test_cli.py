"""Exit codes and sentences of the command line, and what `import embodied` may cost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from embodied import __main__, cli, launcher
from embodied.errors import EmbodiedError, EnvironmentFault, UsageError

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Cfg:
    seed: int = 0


def raising(error: BaseException):
    def body(cfg: Cfg) -> int:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EmbodiedError("It failed; try again."), 1),
        (UsageError("No such word; did you mean this?"), 2),
        (EnvironmentFault("No GL; install it."), 3),
    ],
)
def test_our_errors_are_one_sentence_and_their_code(error, code, capsys) -> None:
    assert cli.command(Cfg, raising(error), [], prog="embodied test") == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_full_disk_is_one_sentence_and_any_other_system_error_a_traceback(capsys) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "tb/events")
    assert cli.command(Cfg, raising(full), [], prog="embodied test") == 3
    told = capsys.readouterr().err
    assert told.startswith("error: Cannot write tb/events (No space left on device); free some")
    assert told.count("\n") == 1
    with pytest.raises(OSError, match="Input/output"):
        cli.command(Cfg, raising(OSError(errno.EIO, "Input/output")), [], prog="embodied test")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a file that is always full")
@pytest.mark.parametrize("told", [True, False], ids=["told", "nowhere to tell it"])
def test_output_that_cannot_be_written_ends_with_its_code(told: bool) -> None:
    code = (
        "import sys; from embodied import cli; sys.exit(cli.guarded(lambda: print('x' * 100_000)))"
    )
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE if told else full, timeout=60
        )
    assert done.returncode == 3
    if told:
        assert done.stderr.decode().startswith("error: Cannot write the output (No space left")


@pytest.mark.parametrize(
    ("body", "code"), [("print('x')", 0), ("print('x') or 1", 1), ("print('x' * 100_000) or 1", 0)]
)
def test_a_reader_that_has_seen_enough_is_no_error(body: str, code: int) -> None:
    """What fits the buffer fails at the end, when the code is known."""
    script = f"import sys; from embodied import cli; sys.exit(cli.guarded(lambda: {body}))"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=60,
            env=env,
        )
    assert (done.returncode, done.stderr) == (code, b"")


def test_without_an_output_there_is_none(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.guarded(lambda: print("x")) == 0


def test_interruption_is_130_and_a_defect_keeps_its_traceback() -> None:
    assert cli.command(Cfg, raising(KeyboardInterrupt()), [], prog="embodied test") == 130
    with pytest.raises(ZeroDivisionError):
        cli.command(Cfg, raising(ZeroDivisionError()), [], prog="embodied test")


def test_sigterm_ends_like_ctrl_c_and_the_old_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def body(cfg: Cfg) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    assert cli.command(Cfg, body, [], prog="embodied test") == 130
    assert signal.getsignal(signal.SIGTERM) is before


def test_held_back_interruptions_come_once_and_closing_is_never_interrupted() -> None:
    before = signal.getsignal(signal.SIGINT)
    with cli.Interrupts() as interrupts:
        interrupts.hold()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.release()
        os.kill(os.getpid(), signal.SIGINT)  # the second one is ignored
    with pytest.raises(KeyboardInterrupt), cli.Interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
    with cli.Interrupts() as interrupts:
        interrupts.close()
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_while_flags_are_parsed_is_an_interruption() -> None:
    def parsing() -> Cfg:
        raise KeyboardInterrupt

    assert cli.command(parsing, lambda cfg: 0, [], prog="embodied test") == 130


def test_ctrl_c_while_the_interpreter_closes_down_changes_nothing() -> None:
    script = """
import atexit, os, signal, sys
from embodied import cli
def body():
    atexit.register(os.kill, os.getpid(), signal.SIGINT)  # like what torch registers
    raise KeyboardInterrupt
sys.exit(cli.guarded(body))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize(("value", "fine"), [(0, False), (1, True), (9, True), (10, False)])
def test_numbers_are_checked_with_their_bounds(value: int, fine: bool) -> None:
    refused = pytest.raises(UsageError, match=f"--jobs must be from 1 to 9, not {value}")
    with nullcontext() if fine else refused:
        cli.check_range("jobs", value, 1, 9)


def test_flags_reach_the_body_and_unknown_ones_are_usage_errors(capsys) -> None:
    assert cli.command(Cfg, lambda cfg: cfg.seed, ["--seed", "7"], prog="embodied test") == 7
    assert cli.command(Cfg, lambda cfg: 0, ["--sede", "7"], prog="embodied test") == 2
    assert "--sede" in capsys.readouterr().err
    assert cli.command(Cfg, lambda cfg: 0, ["--help"], prog="embodied test") == 0


def test_unknown_verb_names_the_nearest(capsys) -> None:
    assert __main__.main(["inof"]) == 2
    assert "Did you mean 'info'?" in capsys.readouterr().err
    assert __main__.main([]) == 2
    assert __main__.main(["--help"]) == 0


@pytest.mark.parametrize("verb", sorted(__main__.available()))
def test_every_verb_has_help(verb: str, capsys) -> None:
    assert __main__.main([verb, "--help"]) == 0
    assert "usage" in capsys.readouterr().out.lower()


def run_python(code: str, cwd: Path | None = None, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, cwd=cwd or ROOT, env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light() -> None:
    heavy = "numpy torch mujoco gymnasium transformers stable_baselines3 tyro rich yaml".split()
    loaded = run_python("import embodied, sys; print(*sys.modules)").split()
    assert not set(heavy) & set(loaded)


@pytest.mark.parametrize(
    "imports", ["import embodied, gymnasium", "import gymnasium, embodied", "import gymnasium"]
)
def test_ids_are_registered_in_either_order(imports: str) -> None:
    import embodied

    code = f"{imports}\nprint(*[i for i in gymnasium.registry if i.startswith('embodied/')])"
    expected = sorted(embodied.ENVIRONMENTS) if "embodied" in imports else []
    assert sorted(run_python(code).split()) == expected


def test_console_script_survives_a_foreign_package_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "embodied").mkdir()
    (tmp_path / "embodied" / "__init__.py").write_text("raise ImportError('not ours')")
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('l', {launcher.__file__!r})\n"
        "launcher = importlib.util.module_from_spec(spec); spec.loader.exec_module(launcher)\n"
        "sys.argv = ['embodied', '--version']\n"
        "print(launcher.shadowing_package()); code = launcher.main(); sys.exit(code)"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    out = run_python(code, cwd=tmp_path, PYTHONPATH=path)
    assert str(tmp_path / "embodied") in out
    assert "embodied-llm-rl" in out
    assert "None\n" in run_python(code, PYTHONPATH=str(ROOT))
