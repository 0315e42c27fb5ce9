"""The shipped suites keep what they promise: solvable, fair, complete, and disturbed where they say."""

import math
import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files

import pytest

from embodied.suites import Disturbance, Suite, SuiteItem, load_suite
from embodied.tasks.labels import feasible, ideal_effect
from embodied.world import catalogue
from embodied.world.facts import PLACES, Facts
from embodied.world.goals import atoms
from planners.model import SUCCESS, Step, in_front
from planners.solver import Solution, solve

FOLDER = files("sim_assets").joinpath("suites")
MEASURED = (
    "families", "refuse", "ask", "logic", "long", "disturbed", "amend", "drawer", "heldout",
    "strangers",
)  # fmt: skip
SUITES: dict[str, Suite] = {
    name: load_suite(str(FOLDER.joinpath(f"{name}.yaml"))) for name in MEASURED
}
ITEMS = [pytest.param(item, id=item.id) for suite in SUITES.values() for item in suite.items]
# families that need the skills of the drawer
CLOSED_DRAWER = {"shut", "open_close", "put_in", "take_out", "store"}


def plan(item: SuiteItem, drawer: bool = True) -> Solution:
    assert item.goal is not None
    return solve(item.goal, item.start.facts(), drawer=drawer)


def families(suite: str) -> Counter[str]:
    return Counter(item.family for item in SUITES[suite].items)


def chosen(suite: str, expect: str) -> list[SuiteItem]:
    return [item for item in SUITES[suite].items if item.expect == expect]


def twins(suite: str, expect: str) -> list[tuple[SuiteItem, SuiteItem]]:
    items = {item.id: item for item in SUITES[suite].items}
    return [(item, items[f"{item.id}-twin"]) for item in chosen(suite, expect)]


@pytest.mark.parametrize("item", ITEMS)
def test_what_can_be_done_has_a_plan_with_room_to_spare(item: SuiteItem):
    if item.expect == "refuse" and not item.disturb:
        assert item.goal is None or not plan(item).solved
        return
    calls = plan(item).calls
    assert calls, "no plan, or nothing to do"
    room = math.ceil(1.5 * len(calls) + 2)
    assert room <= item.max_skills <= room + 12 * bool(item.disturb) + 4 * bool(item.amend)
    inside = "drawer" in item.start.objects.values() or "drawer" in repr(item.goal)
    if item.family not in CLOSED_DRAWER and not inside:
        without = plan(item, drawer=False).calls
        assert without is not None and len(without) == len(calls)


def test_every_chain_of_five_needs_five_skills_or_more_and_has_room_to_spare():
    chains = load_suite(f"{FOLDER}/five.yaml").items
    assert {kind for item in chains for kind in item.start.objects} == set(catalogue.objects())
    for item in chains:
        calls = plan(item).calls
        assert calls and len(calls) >= 5, item.id
        assert item.max_skills == math.ceil(1.5 * len(calls) + 2)


def test_nothing_is_asked_for_twice():
    mine = [item for suite in SUITES.values() for item in suite.items]
    older = load_suite(f"{FOLDER}/first.yaml").items
    said = Counter(plain(item.instruction) for item in [*mine, *older] if "-twin" not in item.id)
    assert [text for text, n in said.items() if n > 1] == []
    ids = Counter(item.id for item in mine)
    assert max(ids.values()) == 1


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def test_every_object_and_place_is_named():
    said = " ".join(f" {plain(i.instruction)} " for s in SUITES.values() for i in s.items)
    for name, spec in catalogue.objects().items():
        assert any(f" {plain(word)} " in said for word in (name, *spec.aliases)), name
    for name, spec in catalogue.places().items():
        assert any(f" {plain(word)} " in said for word in (name, *spec.aliases)), name
    wanted = [atom.to_json() for i in SUITES["families"].items if i.goal for atom in atoms(i.goal)]
    for word in [*catalogue.objects(), *PLACES]:
        assert word in str(wanted), word


def test_seven_families_of_at_least_fifteen():
    counted = families("families")
    assert set(counted) == {
        "single_primitive", "nouns", "verbs", "structured", "embodiment", "crowd_sourced",
        "long_horizon",
    }  # fmt: skip
    assert min(counted.values()) >= 15
    assert all(item.expect == "done" for item in SUITES["families"].items)


def test_each_refusal_has_a_twin_that_differs_little():
    pairs = twins("refuse", "refuse")
    assert len(pairs) >= 50 and len(SUITES["refuse"].items) == 2 * len(pairs)
    for item, twin in pairs:
        assert twin.expect == "done" and twin.family == "twin"
        ours, theirs = plain(item.instruction).split(), plain(twin.instruction).split()
        same_scene, same_words = item.start == twin.start, ours == theirs
        assert not (same_scene and same_words)
        shared = set(ours) & set(theirs) or set(item.start.objects) & set(twin.start.objects)
        assert shared, f"{item.id} and its twin have nothing in common"
    assert {"no_such_object", "not_in_scene", "no_such_skill", "not_this_robot"} <= set(
        families("refuse")
    )


def test_each_question_has_a_twin_that_needs_none():
    pairs = twins("ask", "ask")
    assert len(pairs) >= 30 and len(SUITES["ask"].items) == 2 * len(pairs)
    for item, twin in pairs:
        assert item.answer and twin.expect == "done" and not twin.answer
        assert (item.instruction, item.start) != (twin.instruction, twin.start)
        assert not any("#" in name for name in (*item.start.objects, *twin.start.objects))


def test_sizes_and_lengths():
    assert len(SUITES["logic"].items) >= 40
    assert set(families("logic")) == {"negation", "count", "attribute", "order", "only_all_except"}
    lengths = [len(plan(item).calls or ()) for item in SUITES["long"].items]
    assert len(lengths) >= 30 and min(lengths) >= 6 and max(lengths) == 20
    assert len(SUITES["disturbed"].items) >= 30
    deeds = {event.do for item in SUITES["disturbed"].items for event in item.disturb}
    assert deeds == {"move", "drop", "take", "shut", "block"}


def test_amendments_add_revise_and_retract():
    counted = families("amend")
    assert set(counted) == {"add", "revise", "retract"} and min(counted.values()) >= 6
    assert all(len(item.amend) == 1 for item in SUITES["amend"].items)


# ------------------------------------------------------------------ disturbances, played in symbols


@pytest.mark.parametrize("item", [pytest.param(i, id=i.id) for i in SUITES["disturbed"].items])
def test_who_looks_again_succeeds_and_who_does_not_fails(item: SuiteItem):
    assert item.disturb and item.goal is not None
    facts, verdict = play(item, looks=True)
    assert verdict == ("refused" if item.expect == "refuse" else "done")
    assert item.goal.holds(facts) == (item.expect == "done")
    blind, _ = play(item, looks=False)
    assert not item.goal.holds(blind)


def play(item: SuiteItem, looks: bool) -> tuple[Facts, str]:
    """A perfect planner in a symbolic world, with the item's disturbances; or its first plan, blindly."""
    assert item.goal is not None
    facts, pending, blocked = item.start.facts(), list(item.disturb), Counter[str]()
    history: list[Step] = []
    script = list(plan(item).calls or ())
    for step in range(item.max_skills):
        if looks:
            found = solve(item.goal, facts, in_front(history), drawer=True)
            if not found.calls:
                return facts, "refused" if found.calls is None else "done"
            call = found.calls[0]
        elif step == len(script):
            break
        else:
            call = script[step]
        where = facts.at.get(call.obj or "") if call.kind == "find" else call.place
        stopped = call.family == "navigate" and blocked[where or ""] > 0
        if stopped:
            blocked[where or ""] -= 1
        works = feasible(call, facts) and not stopped
        facts = ideal_effect(call, facts) if works else facts
        history.append(Step(call.label, SUCCESS if works else "failure: it did not work"))
        for event in [event for event in pending if event.label == call.label]:
            pending.remove(event)
            blocked[event.place or ""] += event.tries if event.do == "block" else 0
            facts = disturbed(facts, event)
    return facts, "out of skills"


def disturbed(facts: Facts, event: Disturbance) -> Facts:
    if event.do == "shut":
        return replace(facts, open={"drawer": False})
    obj = event.object or facts.holding
    if event.do == "block" or obj is None:
        return facts
    holding = None if facts.holding == obj else facts.holding
    return replace(facts, at={**facts.at, obj: event.place}, holding=holding)
