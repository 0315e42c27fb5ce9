"""What an amendment does to the duties that are still owed: adds, revises or retracts.

"and the apple too"        another duty like the one under way
"no, the other one"        the duty's other choices
"actually the pepsi"       the duty's things
"on the table instead"     the duty's place
"make it two"              the duty's number
"never mind the chips"     without the duties about them
"forget it"                without any; what is held is put down
anything else              its own duties, after the others
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from embodied.world.facts import Facts, kind
from planners.embedded.agenda import Duty
from planners.embedded.ground import Hypothesis
from planners.embedded.relations import SIDE, other_side

_OPENING = (
    r"(?:^|[.,;!?])\W*"
    r"(?:(?:no|ok|okay|wait|oh|actually|sorry|hold on|so|then|please|just|and|but),? )*"
)
RETRACT = re.compile(
    _OPENING + r"(?:never ?mind|forget(?: about)?|cancel|skip|leave|"
    r"drop|scrap|don'?t bother(?: with)?|no need (?:for|to)|"
    r"you (?:needn'?t|(?:don'?t|no longer|won'?t) (?:have|need) (?:to)?|can (?:skip|forget|leave))|"
    r"not (?:the|that|any)|stop|without|"
    r"keep (?=the\b|my\b|that\b|those\b)|"
    r"no (?!(?:the|that|this|those|it|i|put|set|bring|get|take|throw|move|on|in|to|not|wait|sorry)\b)|"
    r"i don'?t (?:want|need)|do not (?:bring|take|get|fetch|move)|don'?t (?:bring|take|get|fetch|move))\b"
)
STAY = re.compile(
    _OPENING + r"(?:forget|leave|cancel|drop|scrap) (?:it|that|this|all|everything)\b"
    r"|^\W*(?:(?:never ?mind|cancel|forget it|don'?t bother|that'?s (?:enough|all)|enough)\W*)+$"
)
REVISE = re.compile(r"\b(no|not|instead|actually|rather|i meant?|make (?:it|that)|sorry|change)\b")
OTHER = re.compile(rf"\bother\b(?! {SIDE})|\bsecond one\b")  # not "another", which adds one
PUT = re.compile(r"\b(?:leave|drop)\b[^.;!?]*\b(?:on|onto|in|into|at|to)\b")  # and not "leave it"
SAME = re.compile(
    r"\bsame (?:with|to|for|goes)\b|\blikewise\b|^\W*(?:and |also |plus )*(?:the|those|that|my) "
)
TOO = re.compile(
    r"^\W*(?:oh\W+)?(?:and|plus|also|as well as|then|now)\b|\b(?:too|as well|also|after that)\W*$"
)
MEANT = re.compile(
    r"\b(?:i|what i) (?:actually |really )?(?:meant?|wanted was)(?: to say)?\b\W*(.+)$"
)
NUMBER = re.compile(
    r"\bmake (?:it|that) (two|three|four|2|3|4)\b|\b(two|three|four) of (?:them|those)\b"
)
BESIDE = re.compile(r"\b(?:beside|next to|with|alongside|there|to) (?:it|that|them)\b|\bthere\b")
NUMBERS = {"two": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4}


def heart(said: str) -> str:
    """What counts of an amendment: behind "I meant", if that is in it."""
    found = MEANT.search(said.lower())
    return found[1] if found else said


def revise(
    h: Hypothesis,
    said: str,
    fresh: Sequence[Hypothesis],
    now: Facts,
    places: frozenset[str] = frozenset(),
    named: frozenset[str] = frozenset(),
    past: Sequence[Duty] = (),
) -> Hypothesis:
    """A reading of what is owed, after something was said in mid-task.

    Args:
        h: the duties still owed.
        fresh: readings of the `heart` of what was said, taken by itself in the state `now`.
        places: those that it names; named: kinds that it may name, whatever is to be done.
        past: all duties before it, met ones included.
    """
    text = said.lower().strip()
    best = max((r for r in fresh), key=lambda r: r.weight, default=None)
    things = _things(fresh)
    duties = list(h.duties)
    put = bool(PUT.search(text)) and any(
        now.at.get(o) not in places for o in now.at if kind(o) in named or o == now.holding
    )
    put = put and bool(places)
    if STAY.search(text) and not put:
        duties = []
    elif RETRACT.search(text) and not put and not OTHER.search(text) and "instead" not in text:
        duties = [k for d in duties if (k := _without(d, named, places))] if named or places else []
    elif not duties or not _revises(text, best):
        if SAME.search(text) and named and not places:
            things = tuple((o, 1.0) for o in now.at if kind(o) in named) or things
        duties = [*duties, *_added(text, duties or list(past), things, fresh, places)]
    else:
        duties[0] = _changed(duties[0], text, things, best, now, places)
    return replace(h, duties=(*_freed(duties, now), *duties), problem=_kept(h, duties))


def _without(duty: Duty, named: frozenset[str], places: frozenset[str]) -> Duty | None:
    """What is left of a duty without the things and, if it is a drive, without the places."""
    if duty.kind == "go":
        return None if places and {p for p, _ in duty.targets} <= places else duty
    left = tuple(c for c in duty.choices if kind(c[0]) not in named)
    if len(left) == len(duty.choices):
        return duty
    return replace(duty, choices=left, need=min(duty.need, len(left))) if left else None


def _kept(h: Hypothesis, duties: Sequence[Duty]):
    return None if duties or h.duties else h.problem


def _revises(text: str, best: Hypothesis | None) -> bool:
    if TOO.search(text) and "instead" not in text:
        return False
    if REVISE.search(text) or OTHER.search(text) or NUMBER.search(text):
        return True
    # a bare noun or place corrects what is under way; a verb of its own asks for more
    return best is not None and all(d.kind == "find" for d in best.duties)


def _things(fresh: Sequence[Hypothesis]) -> tuple[tuple[str, float], ...]:
    """The things of the scene that the likeliest reading is about."""
    likely = max((h for h in fresh if h.duties), key=lambda h: h.weight, default=None)
    for duty in likely.duties if likely else ():
        if duty.choices and not duty.other:
            return duty.choices
    return ()


def _added(
    text: str,
    owed: Sequence[Duty],
    things: tuple[tuple[str, float], ...],
    fresh: Sequence[Hypothesis],
    places: frozenset[str],
) -> list[Duty]:
    own = next((h for h in sorted(fresh, key=lambda r: -r.weight) if h.problem is None), None)
    like = next((d for d in reversed(owed) if d.kind == "move"), None)
    bare = own is None or all(d.kind in ("hold", "find") for d in own.duties)
    bare = bare or (bool(SAME.search(text)) and not places)  # "the sponge too", "the same with it"
    if like is not None and own is not None and not places and BESIDE.search(text):
        bare = True  # "the sponge beside it" goes where the last thing went
    if bare and things:
        kept = like or Duty("move", targets=(("user", 1.0),))
        return [replace(kept, choices=things, refers=None, other=False, need=1, said=text)]
    return [replace(d, refers=None, other=False) for d in own.duties] if own is not None else []


def _changed(
    duty: Duty,
    text: str,
    things: tuple[tuple[str, float], ...],
    best: Hypothesis | None,
    now: Facts,
    places: frozenset[str],
) -> Duty:
    if number := NUMBER.search(text):
        return replace(duty, need=NUMBERS[number[1] or number[2]])
    here = next((p for p, _ in duty.targets), None)
    if opposite := other_side(text, here):
        return replace(duty, targets=opposite)
    if OTHER.search(text):
        active = now.holding or (duty.choices[0][0] if duty.choices else "")
        rest = tuple(c for c in things if kind(c[0]) != kind(active))
        rest = rest or tuple(c for c in duty.choices if kind(c[0]) != kind(active))
        return replace(duty, choices=rest or duty.choices, det="any")
    moves = [d for d in (best.duties if best else ()) if d.kind in ("move", "go") and d.targets]
    if (
        moves
        and duty.targets
        and places
        and ("instead" in text or not things or moves[0].refers is not None)
    ):
        duty = replace(duty, targets=moves[0].targets, where=moves[0].where)
    if things and not (moves and not set(dict(things)) - set(duty.names)):
        duty = replace(duty, choices=things, refers=None, other=False, det="any")
    return duty


def _freed(duties: Sequence[Duty], now: Facts) -> list[Duty]:
    """Putting down what is held, if nothing that is owed is about it."""
    held = now.holding
    if held is None or any(held in d.names or d.kind == "release" for d in duties):
        return []
    return [Duty("release", said="")]
