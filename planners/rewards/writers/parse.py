"""Reward terms out of what language models really send: JSON, fences, prose, parts cut off.

What is asked for is one JSON object, ``{"analysis": ..., "terms": [{"name", "code", "weight"}]}``. What
comes may be that inside a fence or between sentences, with trailing commas or in Python's spelling, cut
off in its middle, or no JSON at all but one or several functions. Nothing here runs any of it: whether
a term compiles is for `planners.rewards.program` to say.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from planners.rewards.program import Program, Term

THINKING = re.compile(r"<think(ing)?>.*?(</think(ing)?>|\Z)", re.DOTALL)
FENCE = re.compile(r"```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
LONGEST = 100_000  # characters of a reply that are looked at; rewards are shorter by far
CODE = ("code", "source", "function", "body", "expression")
LISTS = ("terms", "rewards", "reward_terms", "components", "functions")


@dataclass(frozen=True)
class Parsed:
    """What a reply holds. program: None if it holds none. problem: a sentence that says why not, or
    what of it was left out; empty if all is well. analysis: what the model said beside the code."""

    program: Program | None
    problem: str = ""
    analysis: str = ""


def parse(text: str, complete: bool = True) -> Parsed:
    """Read a reply.

    Args:
        complete: whether the server says that the model came to its end.
    """
    text = THINKING.sub("", text[:LONGEST]).strip()
    if not text:
        return Parsed(None, "The reply is empty.")
    for value in _objects(text):
        found = _from_object(value)
        if found.program is not None:
            return found if complete else _cut(found)
    found = _from_functions(text)
    if found.program is None and not complete:
        return Parsed(
            None, "The reply was cut off before a whole term: write fewer, shorter terms."
        )
    return found if complete else _cut(found)


def _cut(found: Parsed) -> Parsed:
    said = "The reply was cut off; only its whole terms are used."
    return Parsed(found.program, found.problem or said, found.analysis)


# ---------------------------------------------------------------- JSON


def _objects(text: str) -> Iterator[Any]:
    """Values that may be the answer: of the whole text, of its fences, of its first brace on."""
    blocks = [match[2] for match in FENCE.finditer(text)]
    for block in [text, *blocks]:
        value = _lenient(block.strip())
        if value is not None:
            yield value
    start = re.search(r"[{\[]\s*[\"'{]", text)
    if start is None:
        return
    body = text[start.start() :]
    end = max(body.rfind("}"), body.rfind("]"))
    value = _lenient(body[: end + 1]) if end > 0 else None
    if value is not None:
        yield value
    # wrong or cut off somewhere: the terms that are whole are used
    terms = [term for term in _pieces(body) if isinstance(term, dict) and _code(term)]
    if terms:
        yield {"terms": terms, "partial": True}


def _lenient(text: str) -> Any:
    """`text` as JSON, else with the usual mistakes mended, else as Python; None if it is neither."""
    if not text.startswith(("{", "[")):
        return None
    mended = re.sub(r",(\s*[}\]])", r"\1", text)
    for attempt in (text, mended):
        try:
            return json.loads(attempt, strict=False)  # line feeds in strings are let through
        except (ValueError, RecursionError):
            continue
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def _pieces(text: str) -> Iterator[Any]:
    """Every innermost JSON object that is whole, in order."""
    decoder, at = json.JSONDecoder(strict=False), 1
    while (at := text.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
            yield value
        except (ValueError, RecursionError):
            at += 1


def _from_object(value: Any) -> Parsed:
    partial = isinstance(value, dict) and bool(value.get("partial"))
    analysis = str(value.get("analysis") or "") if isinstance(value, dict) else ""
    weights: Any = value.get("weights") if isinstance(value, dict) else None
    rows = _rows(value)
    terms: list[Term] = []
    for i, row in enumerate(rows):
        code = _code(row)
        if code is None:
            continue
        name = str(row.get("name") or _defined(code) or f"term_{i + 1}")
        weight = row.get("weight", weights.get(name) if isinstance(weights, dict) else None)
        terms.append(Term(_name(name), code, _weight(weight)))
    if not terms:
        return Parsed(None, 'The reply holds JSON but no "terms" with "name", "code" and "weight".')
    left = "The JSON is wrong or cut off; only its whole terms are used." if partial else ""
    return Parsed(Program(tuple(_unlike(terms))), left, analysis)


def _rows(value: Any) -> list[dict[str, Any]]:
    """The terms as dicts, from a list of them, or from a mapping of names to code."""
    if isinstance(value, dict):
        held = next((value[key] for key in LISTS if key in value), value)
        if held is value and _code(value):
            return [value]
        value = held
    if isinstance(value, dict):
        return [
            {"name": name, **item} if isinstance(item, dict) else {"name": name, "code": item}
            for name, item in value.items()
        ]
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _code(row: dict[str, Any]) -> str | None:
    """The code of a row, without a fence around it."""
    code = next((row[key] for key in CODE if isinstance(row.get(key), str)), None)
    if code is None or not re.search(r"\bdef |\breturn\b|[(\[]", code):
        return None
    fenced = FENCE.search(code)
    return (fenced[2] if fenced else code).strip()


# ---------------------------------------------------------------- functions


def _from_functions(text: str) -> Parsed:
    """Every top-level function of the fences, or of the text where there is no fence."""
    blocks = [m[2] for m in FENCE.finditer(text) if m[1].lower() in ("", "python", "py", "python3")]
    if not any("def " in block for block in blocks):
        start = re.search(r"^(?:@.*\n)*[ \t]*def ", text, re.MULTILINE)
        if start is None:
            return Parsed(None, "The reply holds neither JSON with terms nor a function.")
        blocks = [text[start.start() :]]
    terms, weights, broken = [], dict[str, float](), ""
    for block in blocks:
        tree, body, problem = _whole(block)
        broken = broken or problem
        weights |= _weights(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                terms.append((node.name, ast.get_source_segment(body, node) or ""))
    if not terms:
        return Parsed(None, broken or "The reply holds no function.")
    made = [Term(_name(name), code, weights.get(name, 1.0)) for name, code in terms]
    prose = " ".join(FENCE.sub(" ", text).split())[:2000]
    return Parsed(Program(tuple(_unlike(made))), broken, prose if "```" in text else "")


def _whole(block: str) -> tuple[ast.Module, str, str]:
    """As much from the block's beginning as parses, the text of that, and what was wrong."""
    lines, problem = block.expandtabs(4).split("\n"), ""
    margin = min((len(s) - len(s.lstrip()) for s in lines if s.strip()), default=0)
    lines = [line[margin:] for line in lines]
    # only ends of statements at the left margin can end something whole
    ends = [len(lines), *(i for i in range(len(lines) - 1, 0, -1) if re.match(r"\S", lines[i]))]
    for end in ends[:200]:
        body = "\n".join(lines[:end])
        try:
            return ast.parse(body), body, problem
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None) or 0
            what = getattr(error, "msg", None) or "cannot be parsed"
            problem = problem or f"Line {line} of the code is wrong or cut off: {what}."
    return ast.Module([], []), "", problem


def _weights(tree: ast.Module) -> dict[str, float]:
    """Numbers of a top-level ``weights = {"name": number}``, whatever it is called."""
    found = dict[str, float]()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            try:
                pairs = ast.literal_eval(node.value)
            except (ValueError, TypeError):
                continue
            found |= {str(k): _weight(v) for k, v in pairs.items()}
    return found


def _defined(code: str) -> str | None:
    match = re.search(r"\bdef\s+(\w+)", code)
    return match[1] if match else None


def _name(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_").lower()[:40] or "term"


def _weight(value: Any) -> float:
    """A weight as a number; 1 where there is none that can be used."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 1.0
    return number if math.isfinite(number) else 1.0


def _unlike(terms: list[Term]) -> list[Term]:
    """The terms with names that differ, the later of two being numbered."""
    seen, made = set[str](), []
    for term in terms:
        name, n = term.name, 2
        while name in seen:
            name, n = f"{term.name}_{n}", n + 1
        seen.add(name)
        made.append(Term(name, term.source, term.weight))
    return made
