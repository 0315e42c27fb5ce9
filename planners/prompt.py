"""The few-shot prompt for text models: our own examples, the scene, what was done and how it ended.

It reads as a robot's log. One numbered line per skill, the result below it, and ``done`` as the
last line of every example, so that the model sees a plan end as well as go on, and a failure
tried again. The text stops after the number of the next line: the label continues it.
"""

from __future__ import annotations

from collections.abc import Sequence

from embodied.tasks import own
from embodied.world.facts import WHEREABOUTS, Facts
from planners.model import Prompt, Step, Turn

END = "\n"  # what follows a label: no label wins as the beginning of another

RULES = (
    "A kitchen robot carries out what a person asks for, one skill at a time. Its skills: find an "
    "object, go to a place, pick up an object that it found, put it down, place it somewhere, "
    "bring what it holds to you (the user), and done when nothing is left to do. It holds one "
    "object at a time and tries again, or another way, when a skill fails."
)

EXAMPLES = tuple(
    """\
Scene: close counter: nothing; far counter: tea; table: orange; trash: nothing; user: nothing; \
drawer: nothing. Robot at the table, holding nothing.
Person: Could I have the orange?
Robot:
1. find the orange
(success)
2. pick up the orange
(success)
3. go to the user
(success)
4. bring it to you
(success)
5. done

Scene: close counter: kettle chips, 7up can; far counter: nothing; table: energy bar; trash: \
nothing; user: nothing; drawer: nothing. Robot at the user, holding nothing.
Person: Bin the 7up and put the energy bar where the chips are.
Robot:
1. find the 7up can
(success)
2. pick up the 7up can
(failure: it slipped)
3. pick up the 7up can
(success)
4. go to the trash
(success)
5. place the 7up can in the trash
(success)
6. find the energy bar
(success)
7. pick up the energy bar
(success)
8. go to the close counter
(success)
9. place the energy bar on the close counter
(success)
10. done

Scene: close counter: nothing; far counter: nothing; table: apple; trash: nothing; user: nothing; \
drawer: nothing. Robot at the far counter, holding rice chips.
Person: Take a look at the table, then come to me.
Robot:
1. go to the table
(success)
2. go to the user
(success)
3. done

Scene: close counter: lime soda; far counter: water bottle, sponge; table: nothing; trash: \
nothing; user: nothing; drawer: nothing. Robot at the close counter, holding nothing.
Person: I am thirsty, but nothing sweet please.
Robot:
1. find the water bottle
(success)
2. pick up the water bottle
(success)
3. go to the user
(success)
4. bring it to you
(success)
5. done""".split("\n\n")
)


def render(prompt: Prompt, shots: int | None = None) -> str:
    """The whole prompt as one text; the next label continues it after a space.

    Args:
        shots: how many of the examples to show; None shows all.
    """
    return "\n\n".join([rules(), *EXAMPLES[:shots], situation(prompt)])


def rules() -> str:
    """`RULES`, and the labels of skills of the user's own, if there are any: "hover over the <object>"."""
    labels = [skill.label for skill in own.registered().values()]
    told = ", ".join(label.replace("{", "<").replace("}", ">") for label in labels)
    return f"{RULES} Skills besides these: {told}." if labels else RULES


def chat(prompt: Prompt, shots: int | None = None) -> tuple[list[dict[str, str]], str]:
    """For chat models: the messages so far, and how the model's own answer has begun.

    The answer's beginning is the robot's log, so that the next label continues it as in `render`.
    """
    asked, log = situation(prompt).split("\nRobot:", 1)
    return [
        {"role": "system", "content": f"{rules()} Continue the log in the form of the examples."},
        {"role": "user", "content": "\n\n".join([*EXAMPLES[:shots], asked])},
    ], f"Robot:{log}"


def situation(prompt: Prompt) -> str:
    """Scene, instruction and log up to the number of the next line."""
    log = said(prompt.turns, 0)
    for i, step in enumerate(prompt.history, 1):
        log += f"\n{i}. {line(step)}{said(prompt.turns, i)}"
    return (
        f"{scene(prompt.facts)}\nPerson: {one_line(prompt.instruction)}\n"
        f"Robot:{log}\n{len(prompt.history) + 1}."
    )


def said(turns: Sequence[Turn], after: int) -> str:
    """What was asked and said when `after` skills had been tried, as lines of the log."""
    lines = []
    for turn in turns:
        if turn.after == after:
            asked = f"Robot asks: {one_line(turn.question.text)} " if turn.question else ""
            lines.append(f"\n({asked}Person: {one_line(turn.text)})")
    return "".join(lines)


def neutral(history: Sequence[Step] = ()) -> str:
    """The prompt without scene and instruction: what PMI divides a label's probability by."""
    return f"{rules()}\n\nRobot:\n{len(history) + 1}."


def continuation(label: str) -> str:
    """A label as it continues the prompt, terminator included."""
    return f" {label}{END}"


def line(step: Step) -> str:
    """One entry of the log: the label's line, then the result's."""
    return f"{step.label}\n({one_line(step.outcome)})"


def scene(facts: Facts) -> str:
    """What is where, in the form of the examples."""
    parts = []
    for place in WHEREABOUTS:
        here = [obj for obj, where in facts.at.items() if where == place]
        parts.append(f"{place}: {', '.join(here) or 'nothing'}")
    floor = [o for o, where in facts.at.items() if where is None and o != facts.holding]
    if floor:
        parts.append(f"floor: {', '.join(floor)}")
    robot = f"Robot at the {facts.robot_at}" if facts.robot_at else "Robot between places"
    return f"Scene: {'; '.join(parts)}. {robot}, holding {facts.holding or 'nothing'}."


def one_line(text: str) -> str:
    """`text` without line breaks, which would forge entries of the log."""
    return " ".join(text.split())
