"""Text from anywhere: shown without being obeyed, and quoted without losing a character."""

from __future__ import annotations

import subprocess

import pytest

from embodied.text import obeyed, printable, shell_line

EVIL = "a\x1b[31mred\x07 \x9b1m \u202edrow\u2066 it's \\n\\"


def test_nothing_is_left_that_a_terminal_obeys() -> None:
    assert not any(map(obeyed, printable(EVIL)))
    assert "red" in printable(EVIL)
    assert printable("two\n\tlines, né 日本 ☃") == "two\n\tlines, né 日本 ☃"


@pytest.mark.parametrize("word", [EVIL, "plain", "with space", "it's", "", "a\nb", "$HOME"])
def test_a_shell_line_means_the_same_words(word: str) -> None:
    line = shell_line(["printf", "%s", word])
    assert not any(map(obeyed, line))
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, env={"LC_ALL": "C.UTF-8"}, timeout=60
    )
    assert done.stdout.decode() == word
