"""The solver against a blind breadth-first search, and its manners: order, labels, reasons."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied.tasks.labels import BRING, DONE, FAMILIES, enumerate_calls, feasible, ideal_effect
from embodied.world.facts import PLACES, SURFACES, Facts
from embodied.world.goals import At, Count, Goal, Holding, Not, Visited, atoms, parse_goal
from planners.model import Prompt, Step, in_front
from planners.solver import next_calls, solve

SCENE = {"sponge": "far counter", "coke can": "table", "coke can#2": "table", "apple": "user"}


def plan(spec, facts=None, front=None) -> list[str]:
    solution = solve(parse_goal(spec), facts or Facts(SCENE, robot_at="user"), front)
    assert solution.calls is not None, solution.reason
    return [call.label for call in solution.calls]


def test_bring_a_sponge():
    assert plan({"at": ["sponge", "user"]}) == [
        "find the sponge",
        "pick up the sponge",
        "go to the user",
        "bring it to you",
    ]


def test_what_the_robot_stands_before_needs_no_finding():
    facts = Facts(SCENE, robot_at="far counter")
    assert plan({"holding": "sponge"}, facts, "sponge") == ["pick up the sponge"]
    # standing somewhere at its place is not standing in front of it
    assert plan({"holding": "sponge"}, facts) == ["find the sponge", "pick up the sponge"]


def test_done_when_the_goal_holds():
    facts = Facts(SCENE)
    goal = parse_goal({"at": ["apple", "user"]})
    assert solve(goal, facts).next_call == DONE
    assert next_calls(goal, facts) == {DONE}


def test_it_works_in_the_order_of_mention():
    both = [{"at": ["sponge", "table"]}, {"at": ["coke can#2", "trash"]}]
    assert plan({"all": both})[0] == "find the sponge"
    assert plan({"all": both[::-1]})[0] == "find the coke can#2"
    first = next_calls(parse_goal({"all": both}), Facts(SCENE))
    assert {call.label for call in first} == {"find the sponge", "find the coke can#2"}


def test_what_must_be_last_is_not_among_the_first():
    goal = parse_goal({"all": [{"holding": "sponge"}, {"at": ["coke can", "trash"]}]})
    first = {call.label for call in next_calls(goal, Facts(SCENE))}
    assert first == {"find the coke can", "find the coke can#2"}


def test_a_full_gripper_is_emptied_on_a_surface_and_never_into_the_trash():
    for robot_at in (None, "trash", "user"):
        facts = Facts({**SCENE, "apple": None}, "apple", robot_at)
        assert plan({"holding": "sponge"}, facts) == [
            "go to the far counter",  # a surface, and on the way
            "put down the apple",
            "find the sponge",
            "pick up the sponge",
        ]


def test_letting_go_before_the_user_is_handing_over():
    facts = Facts({**SCENE, "apple": None}, "apple", "user")
    assert plan({"not": {"holding": "apple"}}, facts) == ["bring it to you"]


def test_visits_keep_their_order_even_while_carrying():
    facts = Facts({"sponge": "far counter"}, robot_at="user", visited=("user",))
    order = {"visited": ["far counter", "trash", "table"]}
    assert plan({"all": [order, {"at": ["sponge", "table"]}]}, facts) == [
        "find the sponge",
        "pick up the sponge",
        "go to the trash",
        "go to the table",
        "place the sponge on the table",
    ]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"at": ["orange", "user"]}, "There is no orange here"),
        ({"holding": {"category": "chips"}}, "There is no chips here"),
        ({"count": {"at": ["sponge", "user"], "min": 2}}, "no second sponge"),
        ({"open": "drawer"}, "opens the drawer"),
        ({"at": ["sponge", "drawer"]}, "puts things into the drawer"),
        ({"at": ["tea", "user"]}, "no skill to open"),
        ({"holding": "energy bar"}, "too deep"),
        ({"holding": "rice chips"}, "on the floor"),
        ({"not": {"at": ["energy bar", "trash"]}}, "too deep"),
        ({"all": [{"robot_at": "user"}, {"holding": "orange"}]}, "no orange"),
        ({"any": [{"open": "drawer"}, {"holding": "orange"}]}, "drawer"),
        ({"all": [{"robot_at": "user"}, {"robot_at": "table"}]}, "exclude each other"),
    ],
)
def test_the_reason_when_there_is_no_plan(spec, reason):
    lost: dict[str, str | None] = {"tea": "drawer", "energy bar": "trash", "rice chips": None}
    facts = Facts({"sponge": "far counter", **lost})
    if spec == {"holding": {"category": "chips"}}:
        facts = Facts({"sponge": "far counter"})
    goal = parse_goal(spec)
    solution = solve(goal, facts)
    assert not solution.solved
    assert solution.next_call is None
    assert reason in (solution.reason or "")
    assert next_calls(goal, facts) == frozenset()


def test_six_objects_at_once():
    at = {"sponge": "table", "tea": "table", "apple": "user", "pepsi can": "far counter"}
    facts = Facts({**at, "coke can": "close counter", "orange": "close counter"})
    goal = {"all": [{"at": [name, "trash"]} for name in facts.at]}
    assert len(plan(goal, facts)) == 24
    assert len(next_calls(parse_goal(goal), facts)) == 6


# ---------------------------------------------------------------- against a blind search

LIMIT = 9  # labels that the blind search looks ahead
NAMES = ("coke can", "coke can#2", "apple")
WHATS = st.sampled_from(
    ["coke can", "coke can#2", "apple", {"one_of": ["coke can", "apple"]}, {"category": "drink"}]
)
PAIRS = st.tuples(WHATS, st.sampled_from(["table", "trash", "user", "drawer"])).map(list)
LEAVES = st.one_of(
    PAIRS.map(lambda pair: {"at": pair}),
    WHATS.map(lambda what: {"holding": what}),
    st.just({"open": "drawer"}),
    st.sampled_from(PLACES).map(lambda place: {"robot_at": place}),
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True).map(
        lambda places: {"visited": places}
    ),
    st.builds(
        lambda pair, low, more: {"count": {"at": pair, "min": low, "max": low + more}},
        PAIRS,
        st.integers(0, 2),
        st.integers(0, 1),
    ),
)
NEGATED = st.one_of(LEAVES, LEAVES, LEAVES.map(lambda leaf: {"not": leaf}))
GOALS = st.one_of(
    NEGATED,
    st.lists(NEGATED, min_size=2, max_size=3).map(lambda goals: {"all": goals}),
    st.lists(NEGATED, min_size=2, max_size=2).map(lambda goals: {"any": goals}),
).map(parse_goal)


@st.composite
def scenes(draw) -> Facts:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    where = st.sampled_from([*SURFACES, "user", "trash", "drawer"])
    at: dict[str, str | None] = {name: draw(where) for name in names}
    held = draw(st.none() | st.sampled_from(names))
    if held:
        at[held] = None
    robot = draw(st.none() | st.sampled_from(PLACES))
    opened = {"drawer": draw(st.booleans())}
    return Facts(at, held, robot, opened, visited=(robot,) if robot else ())


def allowed(call, facts: Facts, goal: Goal, front: str | None) -> bool:
    """What the solver may use: no unasked disposal or hand-over, no grasp without an approach."""
    if call.kind == "pick up":
        return front == call.obj and feasible(call, facts)
    if call == BRING or (call.place in ("trash", "drawer") and call.kind == "place"):
        wants = [a for a in atoms(goal) if isinstance(a, At | Count) and a.place == call.place]
        named = any(atom.what.matches(facts.holding or "") for atom in wants)
        letting_go = call == BRING and _mentions_release(goal)
        return feasible(call, facts) and (named or letting_go)
    return feasible(call, facts) and call != DONE


def _mentions_release(goal: Goal) -> bool:
    parts = getattr(goal, "goals", ())
    if isinstance(goal, Not):
        return isinstance(goal.goal, Holding)
    return any(_mentions_release(part) for part in parts)


def blind_length(goal: Goal, facts: Facts, drawer: bool, limit: int = LIMIT) -> int | None:
    families = FAMILIES if drawer else ("navigate", "pick", "place")
    calls = enumerate_calls(facts.instances, families)
    calls = [call for call in calls if call.obj is None or call.obj in facts.instances]
    orders = [atom.places for atom in atoms(goal) if isinstance(atom, Visited)]

    def key(state: Facts, front):
        seen = []
        for places in orders:
            left = list(places)
            for place in state.visited:
                if left and left[0] == place:
                    left.pop(0)
            seen.append(len(left))
        drawn = state.open["drawer"]
        return frozenset(state.at.items()), state.holding, state.robot_at, drawn, front, tuple(seen)

    queue, known = deque([(facts, None, 0)]), {key(facts, None)}
    while queue:
        state, front, steps = queue.popleft()
        if goal.holds(state):
            return steps
        if steps == limit:
            continue
        for call in calls:
            if not allowed(call, state, goal, front):
                continue
            after = ideal_effect(call, state)
            history = [] if front is None else [Step(f"find the {front}", "success")]
            before = in_front([*history, Step(call.label, "success")])
            before = state.holding if call.family == "place" else before
            before = None if call.family == "pick" else before
            if key(after, before) not in known:
                known.add(key(after, before))
                queue.append((after, before, steps + 1))
    return None


@settings(max_examples=60, deadline=None)
@given(GOALS, scenes(), st.booleans())
def test_plans_are_as_short_as_any(goal, facts, drawer):
    best, solution = blind_length(goal, facts, drawer), solve(goal, facts, drawer=drawer)
    if best is None:  # none, or none that short
        assert solution.calls is None or len(solution.calls) > LIMIT
    else:
        assert solution.calls is not None and len(solution.calls) == best


@settings(max_examples=60, deadline=None)
@given(GOALS, scenes(), st.booleans())
def test_every_first_call_starts_a_plan_that_reaches_the_goal(goal, facts, drawer):
    whole = solve(goal, facts, drawer=drawer)
    for call in next_calls(goal, facts, drawer=drawer):
        state, history = facts, ()
        if call == DONE:
            assert goal.holds(facts)
            continue
        for left in range(len(whole.calls or ()), 0, -1):
            assert feasible(call, state), call.label
            state = ideal_effect(call, state)
            history = (*history, Step(call.label, "success"))
            rest = solve(goal, state, Prompt("", history, state).in_front, drawer)
            assert len(rest.calls or ()) == left - 1
            call = rest.next_call
        assert call == DONE
        assert goal.holds(state)
