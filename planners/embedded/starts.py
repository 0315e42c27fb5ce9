"""Where the pieces of an instruction start and in which order they are done, as far as words alone decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from planners.embedded.text import SEPARATOR, candidates, spans_of

_OBJECT = r"(?:me|us|the|a|an|one|two|three|it|them|that|this|those|these|both|all|every|everything|some|my|"
_OBJECT += r"away|out|whatever|another)\b"
ORDERED = (  # an imperative with what it is about
    r"(?:(?:bring|get|fetch|give|hand|put|place|throw|toss|bin|discard|trash|dump|carry|leave|drop|lay|set|"
    rf"move|chuck|grab|stick|pass|take|return|pick up) {_OBJECT}|(?:open|close|shut) (?:the|that|it)\b|"
    r"(?:go|drive|come|head|roll) (?:back|to|over|here|and)\b)"
)
ASKED = (  # what may stand before it
    r"(?:please,? |just |kindly |then |also |now |(?:can|could|would|will) you |i(?:'d| would) like you to |"
    r"i (?:want|need) you to |you (?:can|could|may|should|must) ){0,5}"
)
REQUEST = re.compile(rf"{ASKED}{ORDERED}")
RUN_ON = re.compile(
    rf"(?<=[a-z]) (?=(?:can|could|would|will) you (?:please |also |just )*{ORDERED})"
)
ASKING = re.compile(r"\b(?:how|what|which|who|when|why|if|where|that)\b[^,.;!?]*$")
_ASIDE = 3  # words of a piece, below which it is an address: "robot, bring me the tea"

LAST = re.compile(
    r"\b(?:last(?: of all)?|at the (?:very )?end|to finish)\W*$|^\W*(?:last of all|to finish)\b"
)
STARTS = re.compile(r"\b(?:start|begin) (?:with|by|off)\b|\bfirst of all\b")
EARLIER = re.compile(r"\bfirst\b(?! (counter|one))|\bbeforehand\b|\bbefore that\b")
DONE = re.compile(  # behind "once" or "when": what was asked so far
    r"^(?:all (?:of )?)?(?:(?:that|this|it|those|they|everything)(?:'s| is| are| has been| have been)? "
    r"(?:all )?(?:done|finished|sorted|dealt with|there|over)"
    r"|(?:you(?:'re| are| have|'ve)? )?(?:all )?(?:done|through|finished)"
    r"(?: with (?:all (?:of )?)?(?:it|that|this|them|those|everything))?)\b,?"
)
EXCLUDING = re.compile(
    r"\b(?:except(?: for)?|but not|but no|other than|besides|apart from|excluding|save for|"
    r"(?:any|every)thing but|all(?: \w+)? but|any(?: \w+)? but|with the exception of|not counting|"
    r"leaving out|isn't|aren't|not)(?: (?:the|a|an|any|my|that|this|those|these))?\s*$"
)
AND_DO = re.compile(
    r"(?<!\bgo)(?<!\bcome)(?<!\brun)(?<!\btry)(?<!\bhurry)(?<!\bbe so kind)(?<!\bkind)(?<!\bup)"
    r"(?<!\bover)(?<!\bhere)(?<!\bahead)(?<!\bfavor)(?<!\bfavour)(?<!\bdear)(?<!\brobot)(?<!\buseful)"
    r"(?:,? and(?: then| also)?|,? then|;) (?=(?:bring|get|fetch|give|hand|put|place|throw|toss|bin|"
    r"discard|trash|dump|carry|leave|drop|move|pick up) "
    r"(?:me|us|the|a|an|one|two|three|it|them|that|this|those|these|both|all|every|some|my|away|out)\b)"
)
I_WILL = r"i(?:'ll| will| can|'m going to| am going to)"
I_DO = re.compile(rf"[,;.] (?={I_WILL} [^,.;]*\bmyself\b)")
NO_NOUN = (  # what follows "no" to the end: one thing or two; "no hurry" leaves nothing out
    r"(?!more|less|longer|need|problem|hurry|rush|wait|worries|doubt|one|way|idea|matter)"
    r"(?=[a-z]+(?:(?: or|,| and) [a-z]+)?\W*$)"
)
NO_SUCH = re.compile(rf"[,.;] (?=no {NO_NOUN})")  # "..., no fruit"
AT_IT = re.compile(r"(?:,|\band) while (?=you(?:'re| are) (?:at it|there|on your way)\b)")
LISTED = re.compile(
    r"(?:,? and|,|,? plus|,? as well as) (?=(?:(?:the|a|an|some|my|one|another|that|this) )?$)"
)
UNSPLIT = re.compile(r"\b(?:neither|between|nor|where|(?:next|close) to)(?: (?:the|a|an))? *$")


def sure_starts(text: str, names: Sequence[str]) -> set[int]:
    """Character positions where a piece starts for sure. names: of all kinds of things."""
    found = {*verbal_starts(text), *sentence_starts(text), *run_on_starts(text)}
    led = _led_by_order(text)
    return found | set(listed_starts(text, names)) | ({led} if led is not None else set())


def verbal_starts(text: str) -> list[int]:
    """Where an imperative with its object follows an "and": what no reader should overlook."""
    return [m.end() for found in (AND_DO, AT_IT, I_DO, NO_SUCH) for m in found.finditer(text)]


def sentence_starts(text: str) -> list[int]:
    """Where a request follows a full stop or, behind more than an address, a comma."""
    found, start = [], 0
    for at in candidates(text):
        if not REQUEST.match(text, at):
            continue
        link = _connector(text[start:at])
        long = len(text[start:at].split()) > _ASIDE
        if re.search(r"[.;!?]", link) or (
            "," in link and long and not re.search(r"\bfirst\b", link)
        ):
            found.append(at)
            start = at
    return found


def run_on_starts(text: str) -> list[int]:
    """Where a request follows with no mark at all: "i left an apple there |can you bring me it"."""
    return [
        m.end()
        for m in RUN_ON.finditer(text)
        if len(text[: m.start()].split()) > _ASIDE and not ASKING.search(text[: m.start()])
    ]


def listed_starts(text: str, names: Sequence[str]) -> list[int]:
    """Where the next thing of a list of names starts: "the apple and |the orange"."""
    spans, found = sorted(set(spans_of(text, names))), []
    for (start, end), (after, _) in pairwise(spans):
        link = LISTED.match(text[end:after])
        if link and not EXCLUDING.search(text[:start]) and not UNSPLIT.search(text[:start]):
            found.append(end + link.end())
    return found


def excluded(piece: str, names: Sequence[str]) -> bool:
    """Whether a piece names the thing only to leave it out: "everything except the apple"."""
    spans = spans_of(piece, names)
    return bool(spans) and all(EXCLUDING.search(piece[:start]) for start, _ in spans)


def _led_by_order(text: str) -> int | None:
    """Where the main clause starts behind "before ...," or "after ...,"; None without them."""
    found = re.match(r"(?:before|after|once|as soon as)\b[^,.;]*, *", text)
    return found.end() if found else None


def order_of(texts: Sequence[str]) -> list[float]:
    """When each piece is to be done; "before" and the like end the piece that they follow."""
    order = [float(i) for i in range(len(texts))]
    for i in range(1, len(texts)):
        link = _connector(texts[i - 1])
        if re.search(r"\b(after|once)\b(?! that)", link) and not DONE.match(texts[i]):
            alone = i > 1 and len(texts[i - 1].split()) <= 2  # "X, but |only once |Y"
            order[i] = order[i - 2 if alone else i - 1] - 0.5  # "X after Y"
            continue
        if EARLIER.search(texts[i]) and "first" not in texts[0] and "then" not in link.split():
            order[i] = order[i - 1] - 0.5  # "X, but first Y"
    if len(texts) > 1 and re.match(r"before\b", texts[0]):
        order[0] = order[1] + 0.5
    for i, text in enumerate(texts):
        if LAST.search(text):  # "the sponge goes to the table last"
            order[i] += len(texts)
        elif STARTS.search(text):
            order[i] -= len(texts)
    return order


def _connector(text: str) -> str:
    """The run of separators at the end of a piece: "..., and then " """
    last = ""
    for m in SEPARATOR.finditer(text):
        if m.end() == len(text):
            last = m[0]
    return last
