"""What servers are asked in words, and how words become labels again.

Base models continue the robot's log; chat models read the same log and are asked for its next line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from string import ascii_uppercase

from planners import prompt as prompts
from planners.model import Prompt

LETTERS = ascii_uppercase
NEXT_LINE = "What is the log's next line? Answer with that line and nothing else."
SAID = 0.9  # how sure a label is that occurs within a longer sentence


def log_and(task: str, prompt: Prompt, shots: int | None) -> str:
    """The rules, the examples, the log so far, and what is wanted of it."""
    (_, user), begun = prompts.chat(prompt, shots)
    return f"{prompts.rules()}\n\n{user['content']}\n{begun}\n\n{task}"


def which_letter(labels: Sequence[str]) -> str:
    """The task of choosing one of at most 26 labels by its letter."""
    menu = "\n".join(f"{letter}. {label}" for letter, label in zip(LETTERS, labels, strict=False))
    return (
        "Which of these should be the log's next line? Answer with its letter and nothing "
        f"else.\n{menu}"
    )


def which_label(labels: Sequence[str]) -> str:
    """The task of writing one of the labels."""
    menu = "\n".join(f"- {label}" for label in labels)
    return (
        "Which of these should be the log's next line? Answer with that line, word for word, and "
        f"nothing else.\n{menu}"
    )


def without_thinking(text: str) -> str:
    """`text` without what a reasoning model thought aloud before it."""
    return re.sub(r"<think>.*?(</think>|\Z)", "", text, flags=re.DOTALL).strip()


def first_line(text: str) -> str:
    """The first line that says anything, thoughts, number and quotation marks aside."""
    lines = (line for line in without_thinking(text).split("\n") if line.strip())
    said = re.sub(r"^\W*\d+[.)]|[*`\"“”]", " ", next(lines, ""))
    return " ".join(said.split()).strip(" .-!")


def nearest(text: str, labels: Sequence[str]) -> tuple[int, float]:
    """The label that the first line of `text` most likely means, and how alike they are in [0, 1].

    An exact label counts 1, one that is said within the line nearly that; the rest by the share of
    characters in common (Ratcliff and Obershelp).
    """
    said = first_line(text).lower()
    known = [label.lower() for label in labels]
    if said in known:
        return known.index(said), 1.0
    within = [
        i for i, label in enumerate(known) if re.search(rf"\b{re.escape(label)}(?![\w#])", said)
    ]
    if within:
        return max(within, key=lambda i: len(known[i])), SAID
    likeness = [SequenceMatcher(None, said, label).ratio() for label in known]
    best = max(range(len(known)), key=likeness.__getitem__)
    return best, likeness[best] * SAID
