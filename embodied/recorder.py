"""What a run leaves while it happens: the event log, the video, the terminal's lines.

The video shows simulated time: one frame per two control steps, 12.5 a second, and a short hold at
every decision. Without a working GL the run goes on without a video and says how to get one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from embodied.console import RunConsole
from embodied.episode import Listener, Result
from embodied.errors import EnvironmentFault
from embodied.overlay import Overlay, compose, frame_size
from embodied.suites import Start
from embodied.tasks.labels import SkillCall
from embodied.trace import Trace
from embodied.video import VideoWriter
from embodied.world.facts import Facts
from embodied.world.kitchen import Kitchen
from embodied.world.scene import CONTROL_DT
from planners.model import LanguageModel, Prompt, Question, describe
from planners.saycan import Decision
from policies.execute import Outcome

STRIDE = 2  # control steps a frame
FPS = 1 / (STRIDE * CONTROL_DT)
ROOM, HEAD = (720, 540), (240, 180)
_HOLD, _END = 6, 18  # frames that a decision and the end are held

Word = Literal["success", "failure", "interrupted"]


class Film:
    """The video of one kitchen, or nothing where there is no GL (see `reason`)."""

    def __init__(self, kitchen: Kitchen, path: Path, instruction: str, wanted: bool = True) -> None:
        self.reason, self.path = "", path
        self.overlay = Overlay(instruction)
        self._kitchen, self._ticks, self._last = kitchen, 0, None
        self._writer: VideoWriter | None = None
        if not wanted:
            self.reason = "no video: --no-video"
            return
        try:
            from embodied.world.render import Cameras, backend_reason

            self._cameras = Cameras(kitchen.model, ROOM, HEAD)
            self.reason = backend_reason()
        except EnvironmentFault as error:
            self.reason = f"no video: {error}"
            return
        self._writer = VideoWriter(path, FPS, frame_size(ROOM))

    @property
    def time(self) -> float | None:
        """Seconds of video so far; None without one. Decisions are held, so it outruns the world."""
        return self._writer.frames / FPS if self._writer is not None else None

    def step(self, sim_time: float) -> None:
        """Called once per control step."""
        self._ticks += 1
        if self._writer is not None and self._ticks % STRIDE == 0:
            self.shoot(sim_time)

    def shoot(self, sim_time: float) -> None:
        """Renders and writes one frame."""
        if self._writer is None:
            return
        data = self._kitchen.engine.data(0)
        self._last = (self._cameras.room(data), self._cameras.head(data))
        self.hold(1, sim_time)

    def hold(self, frames: int, sim_time: float) -> None:
        """Writes the last view again with the present overlay."""
        if self._writer is None or self._last is None:
            return
        frame = compose(*self._last, replace(self.overlay, sim_time=sim_time))
        for _ in range(frames):
            self._writer.write(frame)

    def close(self) -> None:
        """Finishes the file; a video that cannot be finished is said, not raised."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        self._cameras.close()
        try:
            writer.close()
        except EnvironmentFault as error:
            self.reason = f"the video is not whole: {error}"


class Recorder(Listener):
    """Writes events.jsonl, feeds film and console.

    Args:
        offset: simulated seconds before the run.
    """

    def __init__(self, trace: Trace, film: Film, console: RunConsole) -> None:
        self.trace, self.film, self.console = trace, film, console
        self.sim_time = 0.0
        self._began = 0.0
        self._wall = time.monotonic()
        self._running: tuple[int, SkillCall] | None = None

    def _video_time(self) -> dict[str, float]:
        return {} if self.film.time is None else {"video_time": self.film.time}

    def opening(
        self, instruction: str, kitchen: Kitchen, scene: Start, model: LanguageModel, seed: int
    ) -> None:
        """The first event and the first frame, before anything is decided."""
        self.trace.emit(
            "run_started", instruction=instruction, seed=seed, llm=model.name,
            objects=scene.objects, robot_at=scene.robot_at, facts=kitchen.facts().to_json(),
        )  # fmt: skip
        self.console.header(
            instruction,
            {"language model": describe(model), "seed": seed, "video": self.film.reason},
        )
        self.film.shoot(0.0)
        self.film.hold(_HOLD, 0.0)

    def decided(self, step: int, prompt: Prompt, decision: Decision) -> None:
        """See `Listener.decided`."""
        chosen = decision.chosen.label if decision.chosen else None
        rows = [
            {name: value for name, value in vars(row).items() if (name, value) != ("memory", 1.0)}
            for row in decision.rows
        ]
        self.trace.emit(
            "decision", step=step, rows=rows, n_labels=len(decision.rows), chosen=chosen,
            refusal=decision.refusal, question=decision.question, prompt=prompt.text,
            tokens=decision.tokens, calls=decision.calls, sim_time=self.sim_time,
            wall={"seconds": decision.seconds},
        )  # fmt: skip
        self.console.decision(
            step,
            decision.rows,
            chosen,
            seconds=decision.seconds,
            n_labels=len(decision.rows),
            refusal=decision.refusal,
        )
        if decision.refusal:
            self.film.overlay = replace(
                self.film.overlay, step=step, skill="", outcome="refused", detail=decision.refusal,
                p_lm=None, affordance=None, product=None,
            )  # fmt: skip
            self.film.hold(_END, self.sim_time)

    def asked(self, step: int, question: Question, answer: str | None) -> None:
        """See `Listener.asked`."""
        self.trace.emit(
            "asked", step=step, question=question, answer=answer, sim_time=self.sim_time
        )
        self.console.asked(question.text, answer)
        self.film.overlay = replace(
            self.film.overlay, step=step, skill="asking", detail=question.text, outcome="",
            p_lm=None, affordance=None, product=None,
        )  # fmt: skip
        self.film.hold(_END, self.sim_time)

    def heard(self, step: int, text: str) -> None:
        """See `Listener.heard`."""
        self.trace.emit("heard", step=step, text=text, sim_time=self.sim_time)
        self.console.heard(text)

    def started(self, step: int, call: SkillCall, decision: Decision) -> None:
        """See `Listener.started`."""
        self._began, self._wall = self.sim_time, time.monotonic()
        self._running = step, call
        self.trace.emit(
            "skill_started", step=step, label=call.label, family=call.family,
            sim_time=self.sim_time, **self._video_time(),
        )  # fmt: skip
        self.console.skill_started(call.label)
        row = next(row for row in decision.rows if row.label == call.label)
        self.film.overlay = replace(
            self.film.overlay, step=step, skill=call.label, p_lm=row.p_lm, affordance=row.affordance,
            product=row.product, outcome="running", detail="",
        )  # fmt: skip
        self.film.hold(_HOLD, self.sim_time)

    def stepped(self, seconds: float) -> None:
        """See `Listener.stepped`."""
        self.sim_time = self._began + seconds
        self.film.step(self.sim_time)
        self.console.skill_progress(seconds)

    def ended(self, step: int, call: SkillCall, outcome: Outcome, facts: Facts) -> None:
        """See `Listener.ended`."""
        word = "success" if outcome.success else "failure"
        self.sim_time = self._began + outcome.steps * CONTROL_DT
        self._end(word, outcome.reason, facts)

    def _end(self, word: Word, reason: str, facts: Facts) -> None:
        """Records how the running skill ended, at the present simulated time."""
        assert self._running is not None
        step, call = self._running
        seconds = self.sim_time - self._began
        self.trace.emit(
            "skill_ended", step=step, label=call.label, outcome=word, reason=reason,
            sim_time=self.sim_time, sim_seconds=seconds, control_steps=round(seconds / CONTROL_DT),
            facts=facts.to_json(), **self._video_time(),
            wall={"seconds": time.monotonic() - self._wall},
        )  # fmt: skip
        self._running = None
        self.console.skill_ended(call.label, word, reason, seconds)
        self.film.overlay = replace(self.film.overlay, outcome=word, detail=reason)
        self.film.hold(_HOLD, self.sim_time)

    def finish(self, result: Result, facts: Facts, wall_seconds: float) -> None:
        """The last frame and the last event; the video is closed."""
        self.console.close()
        if self._running is not None:  # Ctrl-C or an error in its midst
            self._end("interrupted", result.reason, facts)
        self.film.overlay = replace(
            self.film.overlay, skill="", outcome=result.verdict.replace("_", " "),
            detail=result.reason, p_lm=None, affordance=None, product=None,
        )  # fmt: skip
        self.film.hold(_END, self.sim_time)
        self.film.close()
        self.trace.emit(
            "run_ended", outcome=result.verdict, reason=result.reason, sim_seconds=self.sim_time,
            facts=facts.to_json(), calls=result.calls, tokens=result.tokens,
            wall={"seconds": wall_seconds, "real_time_factor": self.sim_time / max(wall_seconds, 1e-9)},
        )  # fmt: skip
        self.trace.close()

    def verdict(self, result: Result, wall_seconds: float, paths: Mapping[str, Path]) -> None:
        """Tells the terminal how the run ended, how fast it was, and where its files are."""
        self.console.verdict(
            result.verdict, result.reason, sim_seconds=self.sim_time, wall_seconds=wall_seconds,
            paths={name: path for name, path in paths.items() if path.exists()},
        )  # fmt: skip
