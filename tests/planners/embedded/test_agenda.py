"""Duties are ticked off along the states, in order, and never done twice."""

from embodied.tasks.labels import enumerate_calls, feasible, ideal_effect
from embodied.world.facts import Facts
from planners.embedded.agenda import Duty, locate, options

SCENE = {"coke can": "table", "coke can#2": "far counter", "apple": "close counter"}
COKES = (("coke can", 1.0), ("coke can#2", 1.0))
USER = (("user", 1.0),)


def finish(duties: list[Duty], now: Facts, limit: int = 30) -> tuple[Facts, list[str]]:
    """Follow the likeliest feasible label until done."""
    trail, said, fresh = [now], [], None
    for _ in range(limit):
        weights = options(locate(duties, trail), now, fresh)
        calls = {
            (c.kind, c.obj, c.place if c.kind in ("go to", "place", "bring") else None): c
            for c in enumerate_calls(now.at)
        }
        call = calls[max((o for o in weights if feasible(calls[o], now)), key=weights.__getitem__)]
        if call.kind == "done":
            return now, said
        fresh = call.obj if call.kind == "find" else None if call.kind == "go to" else fresh
        now = ideal_effect(call, now)
        trail.append(now)
        said.append(call.label)
    raise AssertionError(f"never done: {said}")


def test_two_of_a_kind_are_both_brought() -> None:
    now, said = finish([Duty("move", COKES, 2, USER)], Facts(at=SCENE))
    assert now.at["coke can"] == now.at["coke can#2"] == "user"
    assert len(said) == 8


def test_a_place_that_was_visited_is_not_visited_again() -> None:
    duties = [Duty("go", targets=(("table", 1.0),)), Duty("go", targets=USER)]
    now, said = finish(duties, Facts(at=SCENE, robot_at="user", visited=("user",)))
    assert said == ["go to the table", "go to the user"]
    assert now.robot_at == "user"


def test_the_gripper_is_freed_before_something_else_is_taken() -> None:
    at = SCENE | {"apple": None}
    now, said = finish(
        [Duty("move", COKES, 1, USER)], Facts(at=at, holding="apple", robot_at="table")
    )
    assert said[0] == "put down the apple" and now.at["apple"] == "table"
    assert "user" in (now.at["coke can"], now.at["coke can#2"])


def test_what_came_undone_is_done_again() -> None:
    duty = Duty("move", (("apple", 1.0),), 1, (("table", 1.0),))
    there = Facts(at=SCENE | {"apple": "table"}, robot_at="table")
    back = Facts(at=SCENE, robot_at="table")
    place = locate([duty], [Facts(at=SCENE), there, back])
    assert place.standing is not None and place.standing.duty == duty
    assert locate([duty], [Facts(at=SCENE), there]).standing is None


def test_the_other_one_is_the_one_that_was_not_taken() -> None:
    duties = [
        Duty("move", COKES, 1, (("close counter", 1.0),)),
        Duty("move", COKES, 1, USER, refers=0, other=True),
    ]
    now, _ = finish(duties, Facts(at=SCENE))
    assert {now.at["coke can"], now.at["coke can#2"]} == {"close counter", "user"}


def test_at_the_place_but_not_in_front_of_the_thing_the_robot_drives_up_to_it() -> None:
    now = Facts(at=SCENE, robot_at="table", visited=("table",))
    weights = options(locate([Duty("hold", (("coke can", 1.0),))], [now]), now, None)
    assert weights["find", "coke can", None] > weights["pick up", "coke can", None] > 0.1
    weights = options(locate([Duty("hold", (("coke can", 1.0),))], [now]), now, "coke can")
    assert weights["pick up", "coke can", None] > 5 * weights["find", "coke can", None]


def test_the_drawer_is_opened_with_an_empty_gripper_and_closed_only_when_asked() -> None:
    duties = [Duty("move", (("apple", 1.0),), 1, (("drawer", 1.0),))]
    start = Facts(at=SCENE | {"apple": None}, holding="apple", robot_at="table")
    now, said = finish(duties, start)
    assert now.at["apple"] == "drawer" and now.open["drawer"]
    assert said[0] == "put down the apple" and said.index("open the drawer") < len(said) - 1
    now, said = finish([*duties, Duty("close")], start)
    assert not now.open["drawer"] and said[-1] == "close the drawer"


def test_two_different_ones_are_of_two_kinds() -> None:
    every = (*COKES, ("apple", 0.5))
    now, _ = finish([Duty("move", every, 2, USER, distinct=True)], Facts(at=SCENE))
    assert now.at["apple"] == "user"
    assert "user" in (now.at["coke can"], now.at["coke can#2"])


def test_what_goes_to_one_of_the_counters_stays_together() -> None:
    counters = (("close counter", 0.5), ("far counter", 0.6))
    other = (("close counter", 0.6), ("far counter", 0.5))
    at = {"coke can": "table", "tea": "table"}
    duties = [
        Duty("move", (("coke can", 1.0),), 1, counters, where="any"),
        Duty("move", (("tea", 1.0),), 1, other, where="any"),
    ]
    now, _ = finish(duties, Facts(at=at, robot_at="table"))
    assert now.at["coke can"] == now.at["tea"] == "far counter"


def test_what_was_picked_up_and_handed_over_is_not_fetched_back() -> None:
    duty = Duty("hold", (("apple", 1.0),))
    first = Facts(at=SCENE)
    held = Facts(at=SCENE | {"apple": None}, holding="apple", robot_at="close counter")
    given = Facts(at=SCENE | {"apple": "user"}, robot_at="user")
    lost = Facts(at=SCENE | {"apple": "table"}, robot_at="table")
    assert locate([duty], [first, held, given]).standing is None
    assert locate([duty], [first, held, lost]).standing is not None
