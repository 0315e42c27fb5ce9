"""Conditions that the scene itself decides: "if there is a coke on the table, ...; otherwise ...".

What a condition lets stand is left in the instruction and read as ever; the rest is taken out of it. Where
a condition speaks of anything but things, places, the drawer and the gripper, all is left as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from embodied.tasks.labels import DRAWER
from embodied.world.facts import Facts, kind
from planners.embedded.interpret import Interpreter
from planners.embedded.reading import QUANTS
from planners.embedded.referents import FITS
from planners.embedded.relations import number
from planners.embedded.starts import ASKED, ORDERED
from planners.embedded.text import normalise, spans_of

_END = rf"(?=\s*[,;.!?]|\s*$|,? then\b| i(?:'d|'ll) | we'd | {ASKED}{ORDERED})"
_NOT = r"(?P<no> not| no longer|n't)?"
_STILL = r"(?: (?:still|already|currently|really|now))*"
_THERE = (
    r"(?:there(?:'s| is| are|re)|(?:we|you|i)(?:'ve| have)?(?: still)? (?:got|have|see|find)|"
    r"you(?:'ve| have))"
)
_SOME = (
    r"(?:(?:(?:only |just |exactly |at least )?(?:a|an|any|some|no|one|two|three|four|another|\d)\b)"
    r"|anything|something)"
)
EXISTS = re.compile(rf"(?:{_THERE}){_NOT}{_STILL} (?P<what>(?:{_SOME})?[^,;.!?]*?){_END}")
LIES = re.compile(
    rf"(?P<what>(?:the|my|that|your|our) [^,;.!?]+?)(?: is| are|'s){_NOT}{_STILL} "
    rf"(?P<where>(?:on|in|at|inside|with) [^,;.!?]+?){_END}"
)
HELD = re.compile(
    rf"you(?: are|'re){_NOT}{_STILL} (?:holding|carrying) (?P<what>[^,;.!?]+?){_END}"
    rf"|(?:your|the) (?:hands?|grippers?)(?: is| are){_STILL}(?P<full> not)? (?P<how>empty|free|full){_END}"
)
AJAR = re.compile(rf"the drawer(?: is|'s){_NOT}{_STILL} (?P<how>open|closed|shut){_END}")
QUESTION = re.compile(
    rf"^(?:(?:{_THERE}|is there|are there|do (?:we|you) have|have (?:we|you) got)\s+)?"
    rf"(?P<what>(?:any|a|an|some)\b[^,;.!?]*|anything[^,;.!?]*)\?\s*$"
)
MARKER = re.compile(
    r"(?:^|(?<![\s,.;:!?])[\s,.;:!?]+)(?:(?:and|but|or|so|well|then|only|just) )*\b"
    r"(?P<word>if (?:not|so|yes|no|there (?:is|are) none|there (?:isn't|aren't)(?: any| one)?)(?=\W)"
    r"|if (?:it|that|they|there)(?:'s not| is not| isn't| are not| aren't|'re not)(?=\s*,)"
    r"|otherwise|or else|(?<=[,;.] )else|unless|in case|if)\b[,:]?\s*"
)
ELSE = (
    "otherwise",
    "or else",
    "else",
    "if not",
    "if no",
    "if there",
    "if it",
    "if that",
    "if they",
)
SO = ("if so", "if yes")
AGAIN = re.compile(
    r"(?:(?:only|just|exactly|at least) )?(?:any|none|one|two|three|four|\d)(?: of (?:them|those))?$"
)
WISH = re.compile(
    r"\b(?:i'll (?:have|take)|(?:is|are) (?:fine|ok|okay)|(?:will|would) do|i(?:'d| would) like)\b"
)
NO_CONDITION = re.compile(  # "even if", "see if", "great if", and "in case" as a precaution
    r"\b(?:(?:even|as|what|see|check|know|tell me|ask|wonder|sure|find out|look|verify|checking|seeing|"
    r"asking|looking|wondering|great|nice|good|lovely|happy|glad|grateful|appreciate it|love it|mind) "
    r"(?:if|unless)"
    r"|[a-z']+ in case)\W*$"
)
VAGUE = re.compile(r"\b(?:to do|else|wrong|more than|less than|fewer than|neither|and)\b")
CLASSES = re.compile(  # what things are called that are not named
    r"\b(?:drinks?|beverages?|sodas?|snacks?|fruits?|cans?|bottles?|bags?|chips|crisps|food|eat|citrus|bars?|thing"
    r"|colas?|edible|sweet|salty|fizzy)\b"
)
NONE = re.compile(r"^(?:no|any|none of)\b ?")
IDLE = re.compile(
    r"^(?:just )?(?:leave (?:it|them|that|things)(?: (?:there|be|alone|as (?:it is|they are)|"
    r"where (?:it is|they are)))?|do nothing|don't (?:bother|do anything)|never ?mind|"
    r"(?:then )?there(?:'s| is) nothing (?:to do|more)|that's (?:fine|ok|okay|it|all)|"
    r"forget (?:it|about it)|nothing)\W*$"
)
LEANS = re.compile(r"\b(?:it|them|that one|those)\b")
_SENTENCE = re.compile(r"[.;!?]\s+")
_PART = re.compile(r"[.;!?]\s+|,? and |, ")


@dataclass(frozen=True)
class Truth:
    """Whether a condition holds and where it ends in the text.

    names: whether what follows may lean on its words. what: the things that it is about, if it counts them.
    drawer: whether it is about that. again: whether what was just asked for tells what it is about.
    """

    holds: bool
    end: int
    names: bool = True
    what: str = ""
    drawer: bool = False
    again: bool = False


def decided(instruction: str, first: Facts, interpreter: Interpreter) -> str:
    """The instruction without what does not apply in the scene; "" if nothing does.

    Where it has no condition, or one that the scene does not decide, it comes back as it was.
    """
    text = normalise(instruction).strip()
    marks = list(MARKER.finditer(text))
    if not marks:
        return instruction
    kept = text[: marks[0].start("word")].rstrip(" ,")
    kept = re.sub(r"(?:[\s,]*\b(?:and|but|or|so|well|then|only|just))+$", "", kept)
    truth = _asked(kept, marks[0]["word"], first, interpreter)
    ends = [m.start() for m in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        word, body = mark["word"], text[mark.end() : end].strip(" ,")
        if not word.startswith(ELSE) and word not in SO and NO_CONDITION.search(text[: mark.end()]):
            return instruction
        body = "" if IDLE.match(body) else body
        body, rest = _one(body)
        if word.startswith(ELSE):
            if truth is None:
                return instruction
            kept = kept if truth.holds else _and(kept, _drawn(body) if truth.drawer else body)
        elif word in SO:
            if truth is None:
                return instruction
            kept = _and(kept, body) if truth.holds else _before(kept)
            if not kept and mark is marks[-1]:
                return instruction  # there is no such thing, which is told when it is grounded
        else:
            asked = _PART.split(kept)[-1]  # "water if there is any"
            truth = _truth(body, first, interpreter, truth, asked)
            if truth is None:
                return instruction
            kept = _with(kept, word, body, truth)
        kept = _and(kept, rest if truth.holds or not LEANS.search(rest) else "")
    if not kept and truth and truth.what and WISH.search(text):
        # "unless there is water, i'll have the tea"
        return f"bring me {NONE.sub('', truth.what)}"
    return kept.strip(" ,")


def _with(kept: str, word: str, body: str, truth: Truth) -> str:
    """What stands after a condition: its consequence, or what it was put behind."""
    then = re.sub(r"^[\s,;.!?]*(?:then |in that case,? |in which case,? )*", "", body[truth.end :])
    said = f"if {body}" if truth.names else then
    said = _drawn(then) if truth.drawer else said
    if word == "unless":
        if not kept:  # "unless there is water, i'll have the tea"
            return "" if truth.holds else then
        return _and(_before(kept), then) if truth.holds else kept
    if not then:  # "bring the coke if it is on the table"
        return kept if truth.holds else _before(kept, truth.again)
    return _and(kept, said) if truth.holds else kept


def _one(body: str) -> tuple[str, str]:
    """The sentence that a condition governs, and those behind it."""
    end = _SENTENCE.search(body)
    return (body[: end.start()], body[end.end() :]) if end else (body, "")


def _drawn(text: str) -> str:
    """ "If the drawer is closed, open it"; "if it is open, put the apple inside"."""
    text = re.sub(
        r"\b(open|close|shut|push|pull|slide|in|into|inside) (?:it|that)\b", r"\1 the drawer", text
    )
    return re.sub(r"\b(?:inside|in)(?=\s*(?:[,.;!?]|$))", "in the drawer", text)


def _before(text: str, part: bool = False) -> str:
    """The text without its last sentence, which was conditional, or without its last part alone."""
    text = text.rstrip(" .;!?")
    ends = [m.start() for m in (_PART if part else _SENTENCE).finditer(text)]
    return text[: ends[-1]] if ends else ""


def _and(kept: str, more: str) -> str:
    if not kept or not more:
        return kept or more
    return f"{kept} {more}" if kept.endswith(("?", "!")) else f"{kept.rstrip(' .;,')}. {more}"


def _asked(kept: str, word: str, first: Facts, interpreter: Interpreter) -> Truth | None:
    """Of a question that the condition answers: "is there any fruit? if so ..."."""
    found = QUESTION.match(_SENTENCE.split(kept)[-1].strip())
    if word not in SO + ELSE or not found:
        return None
    return _told(_count(found["what"], first, interpreter), found["what"], False, found.end())


def _truth(
    body: str, first: Facts, interpreter: Interpreter, before: Truth | None, asked: str
) -> Truth | None:
    """Whether the condition that a text begins with holds; None if the scene does not say.

    Args:
        before: the last condition, whose things "if there is only one" is about; without one it is about
            what was just asked for.
    """
    rules: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Truth | None]], ...] = (
        (AJAR, lambda m: _ajar(m, first)),
        (HELD, lambda m: _held(m, first, interpreter)),
        (EXISTS, lambda m: _exists(m, first, interpreter, before, asked)),
        (LIES, lambda m: _lies(m, first, interpreter)),
    )
    for pattern, rule in rules:
        if found := pattern.match(body):
            return rule(found)
    return None


def _ajar(found: re.Match[str], first: Facts) -> Truth:
    as_said = first.open.get(DRAWER, False) == (found["how"] == "open")
    return Truth(as_said != bool(found["no"]), found.end(), drawer=True)


def _held(found: re.Match[str], first: Facts, interpreter: Interpreter) -> Truth | None:
    full = first.holding is not None
    if found["how"]:
        said_full = (found["how"] == "full") != bool(found["full"])
        return Truth(full == said_full, found.end(), said_full)
    if found["what"].startswith(("nothing", "something", "anything")):
        said_full = found["what"].startswith("nothing") == bool(found["no"])
        return Truth(full == said_full, found.end(), False)
    kinds = _kinds(found["what"], interpreter)
    if not kinds:
        return None
    held = full and kind(first.holding or "") in kinds
    return Truth(held != bool(found["no"]), found.end())


def _exists(
    found: re.Match[str], first: Facts, interpreter: Interpreter, before: Truth | None, asked: str
) -> Truth | None:
    what = found["what"]
    if VAGUE.search(what):
        return None
    if not AGAIN.match(what):
        return _told(_count(what, first, interpreter), what, bool(found["no"]), found.end())
    known = before.what if before else ""
    count = _count(known or asked, first, interpreter, located=bool(known))
    told = _told(count, what, bool(found["no"]), found.end())
    return replace(told, what=known or asked, again=not known) if told else None


def _told(count: int | None, what: str, no: bool, end: int) -> Truth | None:
    if count is None:
        return None
    least = QUANTS.index(number(what) or "one") + 1
    exact = re.match(r"(?:only|just|exactly)\b", what)
    holds = count == least if exact else count >= least
    return Truth(holds != (no or bool(re.match(r"(?:no|none|nothing)\b", what))), end, what=what)


def _lies(found: re.Match[str], first: Facts, interpreter: Interpreter) -> Truth | None:
    kinds, places = _kinds(found["what"], interpreter), _places(found["where"], interpreter)
    if not kinds or not places:
        return None
    there = any(kind(o) in kinds and p in places for o, p in first.at.items())
    return Truth(there != bool(found["no"]), found.end())


def _count(what: str, first: Facts, interpreter: Interpreter, located: bool = True) -> int | None:
    """How many things of the scene the words fit; None if they fit nothing that there could be.

    Args:
        located: whether places in them tell where the things are.
    """
    kinds, places = _kinds(what, interpreter), _places(what, interpreter) if located else set()
    if not kinds:
        return None
    lying = {o: p for o, p in first.at.items() if kind(o) in kinds}
    return sum(p in places if places else p != "trash" for p in lying.values())


def _kinds(what: str, interpreter: Interpreter) -> set[str]:
    """The kinds that the words fit: those that they name, or all of a class."""
    spoken = {item.name for item in interpreter.kinds if spans_of(what, item.names)}
    if spoken or not CLASSES.search(what):
        return spoken
    said = re.sub(
        r"^(?:only|just|exactly|at least) |^(?:no|any)\b(?= )|\b(?:left|around|about)$", "", what
    )
    guesses = interpreter.guesses(f"find {said.strip()}")
    return {k for k, p in guesses[0].members.items() if p >= FITS}


def _places(words: str, interpreter: Interpreter) -> set[str]:
    """The places that the words name; not the user, whom "for me" and "you see" do not tell of."""
    spans = [
        (start, end, item.name)
        for item in interpreter.places
        if item.name != "user"
        for start, end in spans_of(words, item.names)
    ]
    whole = [
        (a, b, name)
        for a, b, name in spans
        if not any((c <= a and b <= d) and (c, d) != (a, b) for c, d, _ in spans)
    ]
    named = {name for _, _, name in whole}
    for m in re.finditer(r"\bcounters?\b", words):  # whichever it is
        if not any(a <= m.start() < b for a, b, _ in whole):
            named |= {item.name for item in interpreter.places if item.name.endswith(" counter")}
    return named
