"""What the words of a piece surely say, over what the network reads of them: act, number, place.

Rules for what is exact where it applies and too rare in training sentences to be learned well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from planners.embedded.reading import ACTS, QUANTS
from planners.embedded.relations import number
from planners.embedded.starts import I_WILL, NO_NOUN

TELLS_WHERE = re.compile(  # it comes from or goes to by other words
    r"\b(?:from|off|out of|away|back|bin|trash|garbage|rubbish|me|us|here)\b"
)
LIMIT = re.compile(
    r"^\W*(?:and |but |so )?(?:nothing (?:too )?(?!(?:else|but|from|on|in|at|to|more|is|for)\b)(?=[a-z])"
    rf"|(?P<no>no) {NO_NOUN})"
)
KEEPS = re.compile(
    r"\b(?:hang|hold) on ?to (?:it|that|them)\b|\bkeep (?:hold of )?(?:it|that|them)\W*$"
)
TAKES = re.compile(r"^\W*i(?:'ll| will|'d) (?:take|have)\b(?! to\b| a look)(?!.* to work)")
ROUND = re.compile(
    r"^\W*(?:please |can you |could you )*(?:do|make) (?:a|the|your) (?:rounds?|tour|lap)\b[^:]*:\s*$"
)
STAYS = re.compile(
    r"\blet [^,.;]* (?:stay|be)\b|\bleave [^,.;]* (?:alone|where (?:it|they)(?:'s| is| are|'re))\b"
)
HURLS = re.compile(
    r"\b(?:throw|chuck|toss|fling|hurl|lob)\b(?![^,.;]*\baway\b)[^,.;]* at "
    r"(?:my|your|his|her|him|them|me|us|some(?:body|one)|any(?:body|one)|"
    r"the (?:wall|floor|dog|cat|kids?))\b"
)
OVER_THERE = re.compile(r"\b(?:put|place|set|leave|move|take)\b[^,.;]*\bover there\b")
MYSELF = re.compile(rf"^\W*{I_WILL}\b.*\bmyself\b")
WAITS = re.compile(
    r"^\W*(?:(?:just|then|and|please) )*(?:wait|stand|hang around)\b[^,.;]*"
    r"\bwith (?:it|that|them)\b"
)
LEFT_OPEN = re.compile(
    r"\bleft (?:the|that|my|our) (?:\w+ )?drawer (?:wide |half )?open\b(?! for)"
    r"|\bdrawer(?:'s| is)(?: (?:still|wide|always|again|standing))+ open\b"
)
INDIFFERENT = re.compile(
    r"^\W*(?:either|any|whichever|which one|(?:it )?doesn't matter|no matter|i don't (?:mind|care))\b"
    r"[^,.;]*\b(?:do|fine|ok|okay|good|works?|matter|mind|care|which|up to you)\b"
)
HANDS_OFF = re.compile(
    r"\bhands off\b|\bbelongs? to (?!me\b|us\b|the\b|that\b|a\b)[a-z]+"
    r"|^\W*(?:(?:and|but|please|just) )*(?:don't|do not|never) (?:touch|open|close|bother|even)\b"
)
LEFT = re.compile(
    r"^\W*(?:just )?leave (?:the|my) [a-z0-9]+(?: (?:can|bottle|chips|bar))?"
    r"\W*(?:but)?\W*$"
)
TELLS = re.compile(r"\b(?:is|are|was|were|looks?|seems?|has|i|we)\b")
YOU = re.compile(r"\b(?:can|could|would|will|do|did|if|are|thank|have) you\b")
CARRIES = re.compile(
    r"\b(?:stick|pop|park|plonk|leave|drop|put|putting|place|placing|set|setting|lay|laying|move|moving|take|taking|"
    r"bring|bringing|carry|carrying|shift|shifting|slide|sliding)\b"
)
THAT_LIES = re.compile(
    r"\b(?:that(?:'s| is| are)|which (?:is|are)|lying|standing|sitting) (?:on|in|at|by) (?:the |my |our )?$"
)
GIVES = re.compile(
    r"\b(?:bring|get|fetch|hand|give|pass|grab|pick|take|hold|want|find|need|like|throw|toss)\b"
)
PUTS = re.compile(
    r"\b(?:stick|pop|park|plonk|put|place|set|lay|leave|drop|move|shift|slide|spread|should)\b"
)
SURELY = (
    ("cannot", HURLS), ("none", LIMIT), ("none", MYSELF), ("none", ROUND), ("none", STAYS),
    ("none", INDIFFERENT), ("none", HANDS_OFF), ("none", LEFT), ("go", WAITS), ("close", LEFT_OPEN),
    ("hold", KEEPS), ("move", TAKES), ("move", OVER_THERE),
)  # fmt: skip


def acted(piece: str, act: np.ndarray, thing: bool = True, place: bool = False) -> np.ndarray:
    """What is to be done as the words say it, where they are of a few surely known kinds; else as read.

    Args:
        thing, place: whether it names any.
    """
    cannot = ACTS[int(act.argmax())] == "cannot" and act.max() < 0.9
    if thing and place and cannot and CARRIES.search(piece):
        return _mostly("move", ACTS, act)
    said = next((act for act, rule in SURELY if rule.search(piece)), "")
    if (
        not said
        or re.match(r"\W*(?:if|when|since|because)\b", piece)
        or (said == "move" and not thing)
    ):
        return act
    return _mostly(said, ACTS, act)


def _mostly(said: str, names: Sequence[str], read: np.ndarray) -> np.ndarray:
    """What words say outweighs what was read, and leaves a rest of it. names: of the classes."""
    return 0.9 * np.array([float(name == said) for name in names]) + 0.1 * read


PLURAL = re.compile(  # "cans in the bin": those that there are
    r"^\W*(?:(?:and|then|also|all) )*(?:cans|bottles|drinks|sodas|snacks|bags|beverages) "
    r"(?:in|on|to|by|at|into|onto|from|go|belong)\b"
)


def counted(piece: str, quant: np.ndarray) -> np.ndarray:
    """The quantity as a number word says it, where there is just one; else as it was read."""
    said = "all" if PLURAL.match(piece) else number(piece)
    return quant if said is None else _mostly(said, QUANTS, quant)


def placed(
    piece: str, roles: dict[str, np.ndarray], spans: Mapping[str, Sequence[tuple[int, int]]]
) -> dict[str, np.ndarray]:
    """The roles of places as read, but for what is a target by no word of the piece.

    Beside one that is named it is none; and where no word says that something comes from a place, that is
    the better target: "cans in the bin, |fruit by the sink". "The can that is on the table" comes from there.

    Args:
        spans: by place, where it is named.
    """
    named = {name for name, found in spans.items() if found}
    lying = {n for n in named if all(THAT_LIES.search(piece[:start]) for start, _ in spans[n])}
    if lying and GIVES.search(piece) and all(float(roles[n][1]) > 0.5 for n in lying):
        roles = roles | dict.fromkeys(lying, np.array([0.0, 0.0, 1.0]))
        roles = roles | {"user": np.array([0.0, 1.0, 0.0])}
    goals = {name for name, role in roles.items() if role[1] > 0.4}
    elsewhere = bool(TELLS_WHERE.search(piece))
    puts = bool(PUTS.search(piece)) and not elsewhere
    if puts and goals & named and goals - named <= {"user"}:
        roles = roles | {name: np.array([1.0, 0.0, 0.0]) for name in goals - named}
    if elsewhere or TELLS.search(piece):
        return roles
    best = max(roles, key=lambda name: float(roles[name][1]))
    said = [name for name, role in roles.items() if role[2] > (0.4 if name in named else 0.7)]
    if not said or float(roles[best][1]) > (0.4 if best in said else 0.9):
        return roles
    if not puts and (best == "user" or GIVES.search(piece)):
        return roles
    read = {name: np.array([0.0, 1.0, 0.0]) for name in said}
    return roles | {best: np.array([1.0, 0.0, 0.0])} | read
