"""The report page: complete, self-contained, and safe whatever the event log says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embodied import report
from embodied.errors import UsageError
from embodied.text import obeyed
from embodied.trace import Trace

EVIL = "</title></pre><script>alert(1)</script><img src=x onerror=alert(2)>\"' onclick='x'{{7*7}}"
FACTS = {"at": {"sponge": "user", "apple": "table"}, "holding": None, "robot_at": "user"}


def write_run(folder: Path, *, text: str = "bring a sponge", ended: bool = True) -> Path:
    rows = [
        {"label": "find the sponge", "p_lm": 0.7, "affordance": 0.98, "product": 0.686},
        *[
            {"label": f"no {i}", "p_lm": 0.01, "affordance": 0.5, "product": 0.005}
            for i in range(7)
        ],
        {"label": text, "p_lm": 0.001, "affordance": 0.1, "product": 0.0001},
    ]
    with closing(Trace(folder / "events.jsonl")) as trace:
        trace.emit("run_started", instruction=text, seed=0, llm="embedded", robot_at="table",
                   objects={"sponge": "far counter", "apple": "table", text: text})  # fmt: skip
        trace.emit("decision", step=1, rows=rows, n_labels=63, chosen="find the sponge",
                   refusal=None, prompt=f"Human: {text}", tokens=210, calls=1, sim_time=0.5,
                   wall={"seconds": 0.14})  # fmt: skip
        trace.emit("skill_started", step=1, label="find the sponge", sim_time=0.5)
        if ended:
            trace.emit("skill_ended", step=1, label="find the sponge", outcome="failure",
                       reason=text, sim_time=5.5, sim_seconds=5.0, facts=FACTS)  # fmt: skip
            trace.emit("decision", step=2, rows=rows, n_labels=63, chosen=None, refusal=text)
            trace.emit("run_ended", outcome="refused", reason=text, sim_seconds=5.5, facts=FACTS,
                       wall={"seconds": 2.75, "real_time_factor": 2.0})  # fmt: skip
    (folder / "command.txt").write_text(f"embodied run {text}\n")
    (folder / "config.yaml").write_text(f"instruction: {text}\n")
    (folder / "system.json").write_text(json.dumps({"versions": {"mujoco": text}}))
    return folder


class Page(HTMLParser):
    """Collects tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self._inside = "", [], ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.text += data

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name)) is not None]


def page_of(folder: Path) -> Page:
    return Page(report.render_report(folder).read_text(encoding="utf-8"))


def test_the_page_shows_what_happened(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path))
    for fact in ("Refused", "bring a sponge", "find the sponge", "failure", "0.686", "210 tokens",
                 "63 labels", "2.00 × real time", "5.5 s", "embedded", "far counter",
                 "Human: bring a sponge"):  # fmt: skip
        assert fact in page.text, fact
    chosen = [attrs for tag, attrs in page.tags if tag == "tr" and attrs.get("class") == "chosen"]
    assert len(chosen) == 1
    widths = [re.search(r"width:([\d.]+)%", style) for style in page.attributes("style")]
    assert {float(width[1]) for width in widths if width} >= {70.0, 98.0, 68.6}


def test_what_was_asked_and_said_stands_at_its_decision(tmp_path: Path) -> None:
    question = {"text": "Which one do you mean: the coke or the pepsi?", "choices": ["a", "b"]}
    with closing(Trace(tmp_path / "events.jsonl")) as trace:
        trace.emit("run_started", instruction="bring the soda", seed=0)
        trace.emit("heard", step=1, text="be quick")
        trace.emit("decision", step=1, rows=[], chosen=None, refusal=None, question=question)
        trace.emit("asked", step=1, question=question, answer="<b>pepsi</b>")
        trace.emit("decision", step=1, rows=[], chosen="done", refusal=None, question=None)
        trace.emit("run_ended", outcome="success", reason="")
    first, second = report.view(report.load_trace(tmp_path / "events.jsonl"))["steps"]
    assert first["talk"] == [
        ("Person", "be quick"), ("Robot", question["text"]), ("Person", "<b>pepsi</b>"),
    ]  # fmt: skip
    assert second["talk"] == []
    page = report.render_report(tmp_path).read_text()
    assert question["text"] in page and "&lt;b&gt;pepsi" in page


def test_the_video_is_beside_it_and_every_skill_seeks_to_its_start(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    assert "video" not in dict(page_of(folder).tags)
    (folder / "rollout.mp4").write_bytes(b"")
    page = page_of(folder)
    assert page.attributes("src") == ["rollout.mp4"]
    assert page.attributes("data-t") == ["0.5", "0.5"]


def test_the_timeline_follows_the_video_where_its_time_is_known(tmp_path: Path) -> None:
    with closing(Trace(tmp_path / "events.jsonl")) as trace:
        for step, (start, stop) in enumerate([(1.0, 4.0), (6.0, 8.0)], 1):
            trace.emit("decision", step=step, chosen="x", rows=[])
            trace.emit("skill_started", step=step, sim_time=0, video_time=start)
            trace.emit("skill_ended", step=step, sim_seconds=1, video_time=stop, outcome="success")
    (tmp_path / "rollout.mp4").write_bytes(b"")
    page = page_of(tmp_path)
    assert page.attributes("data-t") == ["1.0", "6.0", "1.0", "6.0"]
    spans = [attrs["style"] for tag, attrs in page.tags if attrs.get("class") == "segment good"]
    assert spans == ["left:12.500%;width:37.500%", "left:75.000%;width:25.000%"]


def test_control_characters_are_shown_and_not_written(tmp_path: Path) -> None:
    write_run(tmp_path, text="a\x1b[31m\x07\x9b\u202eb")
    page = report.render_report(tmp_path).read_text(encoding="utf-8")
    assert not any(map(obeyed, page.replace("\n", "")))
    assert "a\ufffd[31m\ufffd\ufffd\ufffdb" in page


def test_nothing_in_the_log_becomes_markup(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path, text=EVIL))
    assert len(page.scripts) == 1
    assert "alert" not in page.scripts[0]
    names = {name for _, attrs in page.tags for name in attrs}
    assert not [name for name in names if name.startswith("on")]
    assert not [tag for tag, _ in page.tags if tag in ("img", "iframe", "object", "base", "form")]
    assert page.text.count(EVIL) >= 8, "shown, as text"


def test_the_page_loads_nothing_and_its_policy_allows_only_our_script(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path))
    assert page.attributes("src") == []
    assert page.attributes("href") == ["data:,"]
    [policy] = [text for text in page.attributes("content") if "default-src" in text]
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_a_killed_run_gets_a_page_that_says_so(tmp_path: Path) -> None:
    folder = write_run(tmp_path, ended=False)
    log = folder / "events.jsonl"
    log.write_bytes(log.read_bytes() + b'{"type": "skill_en')
    (folder / "rollout.part.mp4").write_bytes(b"")
    page = page_of(folder)
    assert "Unfinished" in page.text
    assert page.attributes("src") == ["rollout.part.mp4"]


def test_an_empty_or_absent_log_is_a_usage_error(tmp_path: Path, capsys) -> None:
    with pytest.raises(UsageError, match="No event log"):
        report.render_report(tmp_path)
    (tmp_path / "events.jsonl").write_bytes(b"\n")
    with pytest.raises(UsageError, match="no event"):
        report.render_report(tmp_path)
    assert report.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "report.html").exists()


def test_the_command_prints_the_path(tmp_path: Path, capsys) -> None:
    assert report.main([str(write_run(tmp_path))]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")


FIELDS = ("step", "rows", "chosen", "refusal", "prompt", "tokens", "calls", "sim_time", "wall",
          "label", "outcome", "reason", "sim_seconds", "facts", "objects", "robot_at", "seed",
          "video_time", "instruction", "n_labels")  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(FIELDS), inner)
    ),
    max_leaves=6,
)
KINDS = ("run_started", "decision", "skill_started", "skill_ended", "run_ended", "other")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), JSON)),
        min_size=1,
        max_size=6,
    )
)
def test_any_log_renders(events: list[tuple[str, dict[str, Any]]]) -> None:
    page = report._page(Path("/nonexistent"), [{**fields, "type": kind} for kind, fields in events])
    assert page.rstrip().endswith("</html>")
