"""No attack gets out: each against the first wall, and, past it, against the second."""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from embodied.errors import EmbodiedError
from planners.rewards.program import Program, ProgramError, Term, compile_program
from planners.rewards.sandbox import landlock, seccomp
from planners.rewards.sandbox.limits import Limits
from planners.rewards.sandbox.process import KERNEL, SandboxError, run
from planners.rewards.views import Brief, Signal
from tests.attacks.attacks import ATTACKS, LANDLOCK, SECCOMP, Attack

HERE = Path(__file__).resolve().parents[2]
TOKEN = "sk-7c1f0d3b9a"
BRIEF = Brief("x", "Do it.", "it is done", (Signal("held", (1,), "bool", "", "held."),))
MIB = 1 << 20

if not (landlock.version() and seccomp.supported()):
    pytest.skip("this kernel has no Landlock or no seccomp filter of ours", allow_module_level=True)


@dataclass
class Outside:
    """What attacks are after, and what became of each: its value or failure."""

    folder: Path
    listener: socket.socket
    signals: list[int] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)

    @property
    def secret(self) -> Path:
        return self.folder / "secret"

    def attack(self, attack: Attack) -> tuple[str, str]:
        mapped = (16 << 30) if "import torch" in attack.source else 1024 * MIB
        limits = Limits(seconds=240, mapped=mapped, answer=MIB)
        if attack.wall == "deadline":
            limits = Limits(seconds=4, mapped=1024 * MIB)
        if attack.wall == "watch over its memory":
            limits = Limits(seconds=240, memory=256 * MIB)
        if attack.wall == "watch over its files":
            limits = Limits(seconds=240, mapped=1024 * MIB, scratch=64 * MIB)
        request = {
            "source": attack.source,
            "SECRET": str(self.secret),
            "VICTIM": str(self.folder / "victim"),
            "PORT": self.listener.getsockname()[1],
            "PARENT": os.getpid(),
        }
        try:
            value = run("tests.attacks.inside:attack", request, limits, read=[HERE / "tests"])
            return attack.name, f"returned {value.value!r}"
        except SandboxError as error:
            return attack.name, str(error)


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    """All attacks, run past the first wall, a few at a time."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("OPENAI_API_KEY", TOKEN)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            made = Outside(Path(folder), listener)
            made.secret.write_text(TOKEN)
            old = signal.signal(signal.SIGUSR1, lambda number, _: made.signals.append(number))
            with ThreadPoolExecutor(4) as pool:
                made.ends = dict(pool.map(made.attack, ATTACKS))
            yield made
            signal.signal(signal.SIGUSR1, old)


def test_there_are_enough_and_no_two_alike() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 40


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_language_has_no_word_for_it(attack: Attack) -> None:
    lines = "\n".join(f"    {line}" for line in attack.source.strip("\n").splitlines())
    program = Program((Term("reward", f"def reward(s):\n{lines}\n"),))
    with pytest.raises(ProgramError):
        compile_program(program, BRIEF)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.name}: {attack.wall}")
def test_the_second_wall_stops_it(attack: Attack, outside: Outside) -> None:
    end = outside.ends[attack.name]
    assert TOKEN not in end and str(list(TOKEN.encode()))[1:-1] not in end
    assert TOKEN.encode().hex() not in end
    if attack.pattern != "^$":
        assert not end.startswith("returned"), end
        assert re.search(attack.pattern, end), end


def test_nothing_outside_was_touched(outside: Outside) -> None:
    assert [path.name for path in outside.folder.iterdir()] == ["secret"]
    assert outside.secret.read_text() == TOKEN
    assert outside.secret.stat().st_mode & 0o077 == 0o044
    assert not outside.signals
    outside.listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        outside.listener.accept()


@pytest.mark.parametrize(
    "source",
    [
        "return s.success",
        "return s.is_success",
        "return s['info']",
        "return s.reward",
        "return s.__class__",
        "return s['__class__']",
        "return s.held.__class__",
        "return s.held.numpy()",
        "return s",
        "return _part",
        "return norm.__globals__",
        "return torch.load('x')",
        "return np.save('x', s.held)",
        "return np.lib.npyio",
        "return getattr(s, 'held')",
        "return '{0.__class__}'.format(s)",
        "return f'{s}'",
        "return (lambda: 1)()",
        "return [x for x in (1,)]",
        "return (y := s.held)",
        "return norm(*s.held)",
        "return norm(**{'x': s.held})",
        "norm = s.held\n    return norm",
        "s = 1\n    return s",
        "s.held = 1\n    return 1",
        "global pi\n    pi = 3\n    return s.held",
        "return 10 ** 10 ** 10",
        "return 1e999 * s.held",
        "return 'x' * 10",
        "return s.held[0]",
        "return s.held[s.held]",
        "x: __import__('os').fork() = s.held\n    x",
    ],
)
def test_words_that_the_language_lacks(source: str) -> None:
    program = Program((Term("reward", f"def reward(s):\n    {source}\n"),))
    if source == "return 10 ** 10 ** 10":  # a float by now: infinite at once, not a long number
        assert float(compile_program(program, BRIEF)._functions["reward"]({})) == float("inf")
        return
    with pytest.raises(ProgramError):
        compile_program(program, BRIEF)


@pytest.mark.parametrize(
    "header",
    ["def reward(s, t=__import__('os')):", "@open\ndef reward(s):", "async def reward(s):"],
)
def test_what_a_definition_could_run_is_refused(header: str) -> None:
    with pytest.raises(ProgramError):
        compile_program(Program((Term("reward", f"{header}\n    return s.held"),)), BRIEF)


def test_a_term_cannot_change_what_another_reads() -> None:
    import torch

    terms = (
        Term("a", "def a(s):\n    x = s.held\n    x += 1\n    return x"),
        Term("b", "def b(s):\n    return s.held"),
    )
    held = torch.zeros(3, 1)
    values = compile_program(Program(terms), BRIEF)({"held": held})
    assert values["a"].tolist() == [1.0] * 3 and values["b"].tolist() == [0.0] * 3
    assert held.tolist() == [[0.0]] * 3


def test_the_walls_in_force_are_named_before_anything_runs() -> None:
    answer = run("builtins:len", [1, 2, 3], required=KERNEL)
    assert answer.value == 3
    assert all(wall in answer.isolation for wall in (LANDLOCK, SECCOMP, "rlimits"))


def test_the_sandboxed_environment_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBODIED_SECRET", TOKEN)
    found = run("builtins:eval", "dict(__import__('os').environ)").value
    assert TOKEN not in str(found) and "PATH" not in found


def test_what_took_over_its_training_is_worth_what_its_policy_achieves() -> None:
    from embodied.candidates.sandboxed import run as train
    from planners.rewards.job import Job

    source = "def reward(s):\n    return -norm(s.gripper_position - s.goal_position)"
    job = Job("FetchReach-v4", Program((Term("reward", source),)), 0, 50, 2, episodes=8)
    found = train(
        job, limits=Limits(seconds=300), work="tests.attacks.inside:cheat", path=[HERE / "tests"]
    )
    assert found.success == ((1, 1.0),) and not found.error  # what it claims
    assert found.final < 0.5  # what it is worth


@pytest.mark.parametrize(
    "change",
    [
        {"layers": []},
        {"activation": "system"},
        {"layers": [{"inputs": 16, "outputs": 10**9, "data": ""}]},
        {"layers": [{"inputs": 1, "outputs": 1, "data": "AADAfwAAAAA="}]},  # a NaN
        {"layers": [{"inputs": 1, "outputs": 1, "data": "!"}]},
        {"layers": 3},
    ],
)
def test_a_policy_that_is_none_is_refused(change: dict[str, object]) -> None:
    from embodied.candidates.net import Net

    with pytest.raises(EmbodiedError):
        Net.from_plain({"activation": "relu", "squash": True, "layers": [], **change})
