"""Replies as models really send them."""

import json

import pytest

from planners.rewards.writers.parse import parse

CODE = "def near(s):\n    return -norm(s.hand - s.puck)"
OTHER = "def still(s):\n    return -norm(s.action)"
ROWS = [
    {"name": "near", "code": CODE, "weight": 2.0},
    {"name": "still", "code": OTHER, "weight": 0.1},
]
GOOD = json.dumps({"analysis": "far away", "terms": ROWS})


def found(text, complete=True):
    program = parse(text, complete).program
    assert program is not None
    return [(term.name, term.weight) for term in program.terms]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        json.dumps({"terms": ROWS}, indent=2),
        f"```json\n{GOOD}\n```",
        f"Sure! Here is the reward:\n\n```\n{GOOD}\n```\nI hope that it helps.",
        f"Here it is: {GOOD} Good luck!",
        f"<think>maybe {{\"terms\": []}}?</think>\n{GOOD}",
        GOOD.replace("}]}", "},]}"),
        str({"analysis": "far", "terms": ROWS}),  # Python's spelling
        GOOD.replace("\\n", "\n"),  # bare line feeds in strings
        json.dumps(ROWS),
        json.dumps({"reward_terms": ROWS}),
        json.dumps({"terms": {row["name"]: {"code": row["code"], "weight": row["weight"]} for row in ROWS}}),
        json.dumps({"terms": [{**row, "weight": str(row["weight"])} for row in ROWS]}),
        json.dumps({"terms": [{**row, "code": f"```python\n{row['code']}\n```"} for row in ROWS]}),
        f'```python\n{CODE}\n\n{OTHER}\n\nWEIGHTS = {{"near": 2.0, "still": 0.1}}\n```',
        f'First:\n```\n{CODE}\n```\nthen\n```py\n{OTHER}\nw = {{"near": 2.0, "still": 0.1}}\n```',
        f'The terms:\n{CODE}\n\n{OTHER}\n\nw = {{"near": 2, "still": 0.1}}\nThat is all.',
    ],
)  # fmt: skip
def test_what_was_meant_is_found(text):
    assert found(text) == [("near", 2.0), ("still", 0.1)]


def test_sources_come_through_as_they_were():
    program = parse(GOOD).program
    assert program is not None
    assert [term.source for term in program.terms] == [CODE, OTHER]
    assert parse(GOOD).analysis == "far away"


@pytest.mark.parametrize("cut", range(len(GOOD) - 3, 0, -7))
def test_of_a_reply_cut_off_anywhere_the_whole_terms_are_used(cut):
    read = parse(GOOD[:cut], complete=False)
    names = [term.name for term in read.program.terms] if read.program else []
    whole = GOOD[:cut].count('"weight": 2.0}') + GOOD[:cut].count('"weight": 0.1}')
    assert names == ["near", "still"][:whole]
    assert "cut off" in read.problem


def test_of_functions_cut_off_the_whole_ones_are_used():
    read = parse(f"```python\n{CODE}\n\ndef late(s):\n    return (state[", complete=False)
    assert read.program is not None and [term.name for term in read.program.terms] == ["near"]
    assert "cut off" in read.problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("<think>never ends", "empty"),
        ("I cannot write that.", "neither JSON"),
        ('{"reward": 5}', "neither JSON"),
        ('{"terms": []}', "neither JSON"),
        ("```python\nx = 1\n```", "neither JSON"),
        ("```python\ndef broken(state:\n    return 1\n```", "Line 1 of the code is wrong"),
        ("[" * 50_000, "neither JSON"),
        ('{"a":' * 20_000, "neither JSON"),
    ],
)
def test_what_holds_no_reward_is_said_why(text, said):
    read = parse(text)
    assert read.program is None
    assert said in read.problem


def test_names_and_weights_are_made_usable():
    rows = [{"name": "Go to: puck!", "code": CODE, "weight": "high"}, {"code": OTHER, "weight": 1e999},
            {"name": "go_to_puck", "code": CODE, "weight": None}]  # fmt: skip
    assert found(json.dumps({"terms": rows}).replace("Infinity", "1e999")) == [
        ("go_to_puck", 1.0), ("still", 1.0), ("go_to_puck_2", 1.0),
    ]  # fmt: skip
