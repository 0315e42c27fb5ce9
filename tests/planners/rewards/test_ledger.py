"""The ledger forgets nothing, notices every change, and survives being killed at any time."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from embodied.errors import EnvironmentFault, UsageError
from planners.rewards.ledger import START, Ledger, digest

# a search of 40 steps that asks, keeps and appends; argv: ledger, requests really made, entry to die at
SEARCH = """
import os, signal, sys
from pathlib import Path
from planners.rewards.ledger import Ledger
ledger, asked, die = Ledger(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for n in range(40):
    kept = ledger.kept("outcome", n)
    if kept is None:
        with asked.open("a") as file:
            file.write(f"{n}\\n")
        if n == die:
            os.kill(os.getpid(), signal.SIGKILL)
        kept = ledger.keep("outcome", n, {"value": n * n}, {"seconds": 0.5})
    if n == die - 100:
        os.kill(os.getpid(), signal.SIGKILL)
    ledger.append("outcome", n=n, value=kept.body["value"])
print(ledger.head)
"""


def search(folder: Path, die: int) -> subprocess.CompletedProcess[str]:
    words = [
        sys.executable,
        "-c",
        SEARCH,
        str(folder / "l.sqlite"),
        str(folder / "asked"),
        str(die),
    ]
    return subprocess.run(words, capture_output=True, text=True, env=dict(os.environ))


def test_kill_9_and_resume_end_at_the_same_ledger_and_pay_once(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    straight = search(whole, -1)
    for die in (0, 113, 27):  # before a result is kept, and between keeping and appending
        assert search(killed, die).returncode == -signal.SIGKILL
    assert search(killed, -1).stdout == straight.stdout != ""
    assert Ledger(whole / "l.sqlite").entries() == Ledger(killed / "l.sqlite").entries()
    asked = (killed / "asked").read_text().split()
    assert len(asked) == 42 and len(set(asked)) == 40  # only those whose result was lost, again


def test_a_finished_search_replays_without_asking(tmp_path):
    search(tmp_path, -1)
    (tmp_path / "asked").unlink()
    assert search(tmp_path, -1).returncode == 0
    assert not (tmp_path / "asked").exists()


def test_another_search_in_the_same_file_is_refused(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.append("search", task="reach")
    head = ledger.head
    ledger.rewind()
    with pytest.raises(UsageError, match="holds another search"):
        ledger.append("search", task="push")
    assert ledger.head == head != START


def test_changes_from_outside_are_noticed(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.append("a", n=1)
    ledger.append("b", n=2)
    ledger.keep("reply", "prompt", {"text": "x"}, {"tokens": 5})
    outside = sqlite3.connect(tmp_path / "l.sqlite")
    outside.execute("update log set body = replace(body, '1', '7') where n = 0")
    outside.execute("""update kept set body = '{"text":"y"}'""")
    outside.commit()
    outside.close()
    with pytest.raises(UsageError, match="entry 0 breaks"):
        ledger.entries()
    with pytest.raises(UsageError, match="another hash"):
        ledger.kept("reply", "prompt")


def test_the_first_result_of_a_request_stays_and_costs_are_summed(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.keep("reply", ["p", 0], "first", {"tokens": 5, "money": 0.5})
    assert ledger.keep("reply", ["p", 0], "second", {"tokens": 9, "money": 9}).body == "first"
    ledger.keep("reply", ["p", 1], "other", {"tokens": 2, "money": 0.25})
    assert ledger.costs() == {"reply": {"calls": 2, "tokens": 7, "money": 0.75}}
    assert ledger.kept("outcome", ["p", 0]) is None


def test_equal_values_have_equal_hashes():
    assert digest({"b": (1, 2), "a": None}) == digest({"a": None, "b": [1, 2]})
    assert digest({"a": 1}) != digest({"a": 1.5})


def test_what_is_no_ledger_is_said(tmp_path):
    (tmp_path / "text").write_text("no database at all, but long enough to be taken for one" * 20)
    with pytest.raises(UsageError, match="no ledger"):
        Ledger(tmp_path / "text")
    with pytest.raises(EnvironmentFault, match="Cannot write"):
        Ledger(tmp_path / "missing" / "l.sqlite")
