"""Text before the network: normal form, guarded spelling, matches, where pieces may start."""

from __future__ import annotations

import functools
import random
import re
import unicodedata
from collections.abc import Iterable, Sequence

from planners.embedded.encoder import model_folder

SHORT = {
    "plz": "please", "pls": "please", "gimme": "give me", "lemme": "let me", "wanna": "want to",
    "gonna": "going to", "gotta": "have to", "u": "you", "ya": "you", "thx": "thanks",
    "ty": "thanks", "r": "are", "cuz": "because", "dont": "don't",
    "im": "i'm", "ive": "i've", "id": "i'd",
    "h20": "water", "h2o": "water",
    "cant": "can't", "whats": "what's", "theres": "there's", "youre": "you're", "sth": "something",
    "smth": "something", "tv": "tv", "&": "and", "n": "and", "kinda": "kind of", "outta": "out of",
    "rn": "now", "em": "them", "cos": "because", "coz": "because", "bc": "because", "c'mere": "come here",
    "c'mon": "come on", "lil": "little", "ppl": "people", "sumthin": "something",
    "couldya": "could you", "wouldya": "would you", "ur": "your", "isnt": "isn't", "n't": "not",
}  # fmt: skip
SEPARATOR = re.compile(
    r"(?:[,;.?!:)]+\s*|\s+-+\s+|\s+)(?:(?:and|then|plus|also|but|as well as|after that|afterwards|"
    r"afterward|finally|next|before that|before|after|so|because|since|while|otherwise|instead|later|lastly|"
    r"secondly|thirdly|once|when|just|now|if so|or else|&)\b[,:]?\s*)*"
)
DOMAIN = """
bring fetch grab hand pass toss dispose throw chuck garbage rubbish trash carry deliver move put
place take return go drive head come navigate pick lift hold drop release restock discard counter
table close far near drawer user sponge apple orange coke pepsi redbull water bottle soda lime
grapefruit chips jalapeno multigrain kettle rice energy bar tea can drink snack fruit thirsty
hungry spilled something everything please could would clean wipe healthy sweet salty caffeine bin
empty fizzy first then after before from both three dispose relocate transfer robot dining wooden
away with what onto into over here there when need want thanks holding gripper something anything
countertop beverage
""".split()


LAUGHS = re.compile(r"(?<![\s,])[\s,]*\b(?:lol|lmao|(?:ha){2,}|(?:he){2,})\b[\s,]*(?=[a-z])")


def normalise(text: str) -> str:
    """Lower case, plain quotes and letters, shortcuts written out, safe mending of spelling."""
    text = unicodedata.normalize("NFKD", text.replace("’", "'").replace("`", "'"))
    text = "".join(c for c in text if not unicodedata.combining(c)).lower()
    text = re.sub(r"(?<=[a-z0-9])-(?=[a-z0-9])", " ", text)  # lemon-lime, 7-up
    if re.match(
        r"\s*(?:step )?1[.):]\s", text
    ):  # "1. fetch the coke 2. bin it": a list, no numbers
        item = r"[\s.;,]*\b(?:step )?\d[.):]\s+(?=[a-z])"
        text = re.sub(item, lambda m: "; " if m.start() else "", text)
    text = re.sub(r"(?<!\s)\s+,", ",", LAUGHS.sub(", ", text))
    text = re.sub(r"([,;.?!:])(?=[a-z])", r"\1 ", text)
    return re.sub(r"[a-z0-9&][a-z0-9'&]*", lambda m: _word(m[0]), text)


def _word(word: str) -> str:
    if word in SHORT:
        return SHORT[word]
    if len(word) < 4 or not word.isalpha() or word in _known():
        return word
    return _mended(word)


@functools.lru_cache(4096)
def _mended(word: str) -> str:
    """The one domain word near an unknown word, else the word itself (no guess between two)."""
    reach = 1 if len(word) < 7 else 2
    near = [
        (d, w)
        for w in DOMAIN
        if abs(len(w) - len(word)) <= reach and (d := distance(word, w)) <= reach
    ]
    near = [pair for pair in near if pair[1][0] == word[0] or pair[0] == 1]
    best = sorted(near)[:2]
    if not best or (len(best) == 2 and best[0][0] == best[1][0]) or len(best[0][1]) < 4:
        return word
    return best[0][1]


@functools.cache
def _known() -> frozenset[str]:
    """Whole words of the encoder's vocabulary and their plain inflections: they are left alone."""
    lines = (model_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    words = {w for w in lines if w.isalpha()}
    return frozenset(
        words | {w + "s" for w in words} | {w + "es" for w in words} | _inflected(words)
    )


def _inflected(words: Iterable[str]) -> set[str]:
    out = set()
    for w in words:
        stem = w[:-1] if w.endswith("e") else w
        out |= {stem + "ing", stem + "ed", stem + "er", stem + w[-1] + "ing", w + "ly", stem + "y"}
    return out


def distance(a: str, b: str) -> int:
    """Edits between two words; swapping neighbours counts once (Damerau 1964, adjacent form)."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def misspell(text: str, rng: random.Random, mark: str) -> str:
    """One random slip of the finger in one longer word."""
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if len(w) > 4 and w.isalpha() and mark not in w]
    if not long:
        return text
    i = rng.choice(long)
    w, k = words[i], rng.randrange(1, len(words[i]) - 1)
    swap = w[:k] + w[k + 1] + w[k] + w[k + 2 :]
    slip = chr(rng.randrange(97, 123))
    words[i] = rng.choice(
        [swap, w[:k] + w[k + 1 :], w[:k] + w[k] + w[k:], w[:k] + slip + w[k + 1 :]]
    )
    return " ".join(words)


def candidates(text: str) -> list[int]:
    """Character positions where a new piece may begin: behind , . ; and, then and the like."""
    found = []
    for m in SEPARATOR.finditer(text):
        if m[0].strip() and 0 < m.end() < len(text):
            found.append(m.end())
    return found


def spans_of(text: str, names: Sequence[str]) -> list[tuple[int, int]]:
    """Character ranges where one of the names stands as whole words, plural s allowed."""
    return [m.span() for name in names for m in _pattern(name).finditer(text)]


@functools.cache
def _pattern(name: str) -> re.Pattern[str]:
    words = re.escape(name).replace(r"\ ", r"\s+").replace(r"\s+of", r"s?\s+of", 1)
    return re.compile(rf"\b{words}(?:e?s)?\b")
