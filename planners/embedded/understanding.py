"""What is wanted by now: the instruction's readings, settled by answers and revised by amendments.

Nothing is remembered between calls; the prompt's turns say what was asked, answered and added, and
after how many skills. An amendment starts the agenda anew in the state it was made in: what was
still owed then, revised by what was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from embodied.world.facts import Facts, kind
from planners.embedded.agenda import Duty, locate
from planners.embedded.anaphora import PRONOUN
from planners.embedded.answers import pick
from planners.embedded.asking import open_issue
from planners.embedded.ground import Hypothesis
from planners.embedded.interpret import Interpreter
from planners.embedded.reading import ACTS
from planners.embedded.referents import Problem
from planners.embedded.revise import heart, revise
from planners.embedded.text import normalise, spans_of
from planners.model import Prompt, Turn

HERE = re.compile(r"\b(?:me|us|here)\b")
CORRECTION = (  # what takes back the place that was just said
    r"(?:(?:oh|sorry|hmm|erm?|uh|oops),? )*(?:(?:actually|no|(?:no )?wait(?=[,.!]| no)|hold on|i mean|"
    r"i meant|or rather|scratch that|make (?:it|that)|correction)\b[,.:!]* )+"
)
TO = r"(?:put (?:it|them) )?(?:(?:in|on|at|to|into|onto|by|next to) )?"
ABOUT = ("none", "move", "hold", "find")  # acts that may name things
SURE = 0.7
Read = Callable[[str, Facts], list[Hypothesis]]


@dataclass(frozen=True)
class Understanding:
    """Readings, and the index of the state in the trail that they start from.

    unclear: the last answer could not be used.
    """

    found: list[Hypothesis]
    start: int = 0
    unclear: bool = False


def understand(
    prompt: Prompt, trail: Sequence[Facts], read: Read, interpreter: Interpreter
) -> Understanding:
    """The readings after all turns.

    Args:
        trail: the first state and the state after each success.
        read: the readings of a sentence in a state.
    """
    main, place = _elsewhere(prompt.instruction, interpreter)
    known = Understanding([_placed(h, place) for h in read(main, trail[0])])
    said = prompt.instruction
    for turn in prompt.turns:
        wins = sum(step.succeeded for step in prompt.history[: turn.after])
        if turn.question is not None:
            known = _answered(known, turn, said, trail, read, interpreter)
        else:
            said = turn.text
            owed = [_owed(h, trail[known.start : wins + 1]) for h in known.found]
            fresh, places = read(heart(turn.text), trail[wins]), _places(turn.text, interpreter)
            named = _kinds(heart(turn.text), interpreter)
            found = [
                revise(left, turn.text, fresh, trail[wins], places, named, h.duties)
                for left, h in zip(owed, known.found, strict=True)
            ]
            known = Understanding(found, wins)
    return known


def _elsewhere(instruction: str, interpreter: Interpreter) -> tuple[str, str | None]:
    """The instruction, and the place that its last words correct it to: "... no, make that the drawer"."""
    text = normalise(instruction).strip()
    found = re.search(
        rf"(?<![\s,.;!?-])\s*[,.;!?-]+\s*{CORRECTION}(?P<tail>[^,.;!?]+)[.!?]*$", text
    )
    if not found or not found.start():
        return instruction, None
    for item in interpreter.places:
        names = "|".join(map(re.escape, ("to me", "here") if item.name == "user" else item.names))
        said = rf"{TO}(?:the |my |our )?(?:{names})(?: instead| please| then)*"
        if re.fullmatch(said, found["tail"]):
            return text[: found.start()], item.name
    return instruction, None


def _placed(h: Hypothesis, place: str | None) -> Hypothesis:
    """The reading with its last move or drive to the place, if there is one."""
    moves = [i for i, duty in enumerate(h.duties) if duty.kind in ("move", "go")]
    if place is None or not moves:
        return h
    last = moves[-1]
    moved = replace(h.duties[last], targets=((place, 1.0),))
    return replace(h, duties=(*h.duties[:last], moved, *h.duties[last + 1 :]))


def _places(said: str, interpreter: Interpreter) -> frozenset[str]:
    """The places that the words name; "me" and "here" are the user's."""
    text = normalise(said)
    named = {item.name for item in interpreter.places if spans_of(text, item.names)}
    return frozenset(named | ({"user"} if HERE.search(text) else set()))


def _kinds(said: str, interpreter: Interpreter) -> frozenset[str]:
    """The kinds that the words surely name, be it to leave them out: "not the sponge though"."""
    text = normalise(said)
    spoken = {item.name for item in interpreter.kinds if spans_of(text, item.names)}
    about = [g for g in interpreter.guesses(said) if ACTS[int(g.act.argmax())] in ABOUT]
    return frozenset(spoken | {k for g in about for k, p in g.members.items() if p >= SURE})


def _answered(
    known: Understanding,
    turn: Turn,
    said: str,
    trail: Sequence[Facts],
    read: Read,
    interpreter: Interpreter,
) -> Understanding:
    assert turn.question is not None
    first, choices = trail[known.start], turn.question.choices
    picked = pick(turn.text, choices, first, interpreter)
    if picked is None:
        return replace(known, unclear=True)
    if not picked:
        declined = Problem("declined", turn.text)
        return Understanding([Hypothesis((), 1.0, declined)], known.start)
    settled: list[Hypothesis] = []
    for h in known.found:
        if h.problem is not None and h.problem.what == "referent":
            text = PRONOUN.sub(f"the {kind(picked[0])}", said.lower(), count=1)
            settled += [replace(r, weight=h.weight * r.weight) for r in read(text, first)]
        else:
            settled.append(settle(h, choices, picked, first))
    return Understanding(settled, known.start)


def settle(
    h: Hypothesis, choices: Sequence[str], picked: Sequence[str], first: Facts
) -> Hypothesis:
    """The reading with the duty that left `choices` open held to those that were picked."""
    _, issue, said = open_issue(h, first)
    wanted = {kind(name) for name in picked}
    duties = list(h.duties)
    for i, duty in enumerate(duties):
        if duty.said != said or not issue:
            continue
        if issue == "thing":
            # each of several picked would do, and there is nothing left to ask
            left = tuple(c for c in duty.choices if kind(c[0]) in wanted) or duty.choices
            duties[i] = replace(duty, choices=left, need=min(duty.need, len(wanted)), det="any")
        elif issue == "place":
            here = tuple(t for t in duty.targets if t[0] in picked)
            duties[i] = replace(duty, targets=here or duty.targets, where="any")
    for i, duty in enumerate(duties):  # what points back to it narrows with it
        if duty.refers is not None and not duty.other:
            left = tuple(c for c in duty.choices if kind(c[0]) in wanted)
            duties[i] = replace(duty, choices=left or duty.choices)
    return replace(h, duties=tuple(duties))


def _owed(h: Hypothesis, trail: Sequence[Facts]) -> Hypothesis:
    """The duties that are not met at the end of the trail; what they refer to is made concrete."""
    place = locate(h.duties, trail)
    left: list[Duty] = []
    for duty in h.duties[place.number :]:
        if duty.refers is not None and duty.refers < place.number:
            settled = place.chosen.get(duty.refers, frozenset())
            keep = tuple(c for c in duty.choices if (c[0] in settled) != duty.other)
            duty = replace(duty, choices=keep or duty.choices, refers=None, other=False)
        elif duty.refers is not None:
            duty = replace(duty, refers=duty.refers - place.number)
        left.append(duty)
    return replace(h, duties=tuple(left))
