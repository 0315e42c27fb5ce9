"""The choice of a graphics back end says what it took and why."""

from __future__ import annotations

import os

import pytest

from embodied.world import gl


def test_what_the_person_asks_for_is_the_only_candidate() -> None:
    assert gl.candidates({"MUJOCO_GL": " OSMesa "}) == ["osmesa"]
    assert gl.candidates({}) == ["egl", "osmesa"]
    assert gl.candidates({"DISPLAY": ":0"}) == ["egl", "osmesa", "glfw"]


def test_the_first_that_renders_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"egl": (None, "no driver"), "osmesa": ("llvmpipe", "")}
    monkeypatch.setattr(gl, "try_backend", lambda name, env, timeout: answers[name])
    choice = gl.choose({})
    assert (choice.backend, choice.device) == ("osmesa", "llvmpipe")
    assert "egl fails: no driver" in choice.reason


def test_a_back_end_that_cannot_work_is_refused_with_the_fix() -> None:
    choice = gl.choose({**os.environ, "MUJOCO_GL": "nonsense"})
    assert choice.backend is None
    assert "nonsense fails" in choice.reason
    assert "unset MUJOCO_GL" in choice.reason
    assert gl.INSTALL in choice.reason
    assert gl.choose({"MUJOCO_GL": "disable"}).backend is None
