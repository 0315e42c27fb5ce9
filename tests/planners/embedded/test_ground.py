"""From readings that leave no doubt to duties: what the rules over words and the scene add."""

from embodied.world import catalogue
from embodied.world.facts import Facts
from planners.embedded.asking import open_places
from planners.embedded.ground import Hypothesis, hypotheses
from planners.embedded.reading import Example, Segment
from planners.embedded.twins import said

KINDS, PLACES = tuple(catalogue.objects()), (*catalogue.places(), "back")
USER, TRASH = frozenset({"user"}), frozenset({"trash"})
COUNTERS = frozenset({"close counter", "far counter"})
SCENE = Facts(
    {"coke can": "table", "coke can#2": "far counter", "apple": "close counter", "tea": "drawer"}
)


def read(*pieces: tuple[str, Segment], first: Facts = SCENE, drawer: bool = True) -> Hypothesis:
    """The likeliest hypothesis of pieces whose reading is given."""
    text, starts = "", []
    for words, _ in pieces:
        starts.append(len(text))
        text += words
    segments = tuple(segment for _, segment in pieces)
    return hypotheses(said(Example(text, tuple(starts), segments, KINDS, PLACES)), first, drawer)[0]


def move(kind: str, targets: frozenset[str], **more) -> Segment:
    return Segment("move", frozenset({kind}), targets=targets, **more)


def test_one_on_each_counter_is_two_duties() -> None:
    found = read(("put one coke on each counter", move("coke can", COUNTERS)))
    assert [{p for p, _ in d.targets} for d in found.duties] == [{"close counter"}, {"far counter"}]
    found = read(("put one coke on a counter", move("coke can", COUNTERS)))
    assert len(found.duties) == 1 and found.duties[0].where == "a"


def test_all_but_one_leaves_one() -> None:
    coke = move("coke can", TRASH, quant="all")
    assert read(("all but one of the cokes go in the bin", coke)).duties[0].need == 1
    assert read(("all of the cokes go in the bin", coke)).duties[0].need == 2


def test_next_to_a_thing_is_where_it_is() -> None:
    found = read(("put the apple next to the tea", move("apple", frozenset())))
    assert found.duties[0].targets == (("drawer", 1.0),)
    found = read(("bring the coke beside the apple", move("coke can", USER)),
                 first=Facts({**SCENE.at, "coke can#3": "close counter"}))  # fmt: skip
    assert found.duties[0].names == ("coke can#3",)


def test_what_to_do_otherwise_counts_only_where_the_first_cannot_be_done() -> None:
    otherwise = ("otherwise an apple", move("apple", USER))
    found = read(("bring a sponge, ", move("sponge", USER)), otherwise)
    assert found.problem is None and [d.names for d in found.duties] == [("apple",)]
    found = read(("bring a coke, ", move("coke can", USER)), otherwise)
    assert [d.names for d in found.duties] == [("coke can", "coke can#2")]


def test_two_things_change_places() -> None:
    swap = Segment("swap", frozenset({"apple"}))
    found = read(("swap the apple and ", swap), ("the tea", Segment("swap", frozenset({"tea"}))))
    moves = [(d.names, d.targets) for d in found.duties]
    assert moves == [(("apple",), (("drawer", 1.0),)), (("tea",), (("close counter", 1.0),))]


def test_different_ones_must_be_of_different_kinds() -> None:
    drinks = Segment("move", frozenset({"coke can", "tea"}), "two", USER)
    assert read(("bring two different drinks", drinks)).duties[0].distinct
    drinks = Segment("move", frozenset({"coke can"}), "two", USER)
    assert read(("bring two different sodas", drinks)).problem is not None
    assert read(("bring two sodas", drinks)).problem is None


def test_the_words_say_whether_one_particular_thing_is_meant() -> None:
    coke = move("coke can", USER)
    assert read(("bring me the coke", coke)).duties[0].det == "the"
    assert read(("bring me a coke", coke)).duties[0].det == "a"
    assert read(("bring me any coke", coke)).duties[0].det == "any"


def test_a_pronoun_without_anything_to_point_to_is_a_problem_of_its_own() -> None:
    found = read(("bring it to me", Segment("move", targets=USER, link="it")))
    assert found.problem is not None and found.problem.what == "referent"


def test_without_skills_for_it_the_drawer_is_a_problem() -> None:
    tea = ("bring me the tea", move("tea", USER))
    assert read(tea).problem is None
    problem = read(tea, drawer=False).problem
    assert problem is not None and problem.what == "shut"
    problem = read(("open the drawer", Segment("open")), drawer=False).problem
    assert problem is not None and problem.what == "drawer"


def test_both_of_two_things_named_is_one_of_each() -> None:
    found = read(
        ("both the apple and ", move("apple", USER, quant="two")), ("the tea", move("tea", USER))
    )
    assert found.problem is None and [d.need for d in found.duties] == [1, 1]


def test_both_of_a_kind_are_two() -> None:
    cans = Segment("move", frozenset({"coke can"}), "two", TRASH)
    found = read(("bin both coke cans and ", cans), ("bring the tea", move("tea", USER)))
    assert found.duties[0].need == 2


def test_half_of_them() -> None:
    assert read(("bin half of the cokes", move("coke can", TRASH, quant="all"))).duties[0].need == 1


def test_a_number_of_those_spoken_of() -> None:
    scene = Facts({f"coke can#{n}" if n > 1 else "coke can": "table" for n in (1, 2, 3)})
    there = ("there are three cokes. ", Segment("none", frozenset({"coke can"}), "three"))
    found = read(
        there, ("bin two of them", Segment("move", targets=TRASH, link="them")), first=scene
    )
    assert [d.need for d in found.duties] == [2]


def test_one_for_each_place_is_another_one() -> None:
    one = Segment("move", targets=frozenset({"table"}), link="it")
    found = read(("a coke for me and ", move("coke can", USER)), ("one on the table", one))
    assert found.duties[1].refers == 0 and found.duties[1].other


def test_the_can_is_named_where_nothing_was_spoken_of() -> None:
    can = Segment("move", frozenset({"coke can"}), targets=USER, link="it")
    held = Facts({**SCENE.at, "apple": None}, "apple")
    assert read(("hand me the can", can), first=held).duties[0].names == ("coke can", "coke can#2")


def test_last_and_first_are_done_last_and_first() -> None:
    last = ("the apple goes to me last, ", move("apple", USER))
    found = read(last, ("the tea comes here", move("tea", USER)))
    assert [d.names for d in found.duties] == [("tea",), ("apple",)]
    start = ("start with the tea", move("tea", USER))
    found = read(("the apple comes to me, ", move("apple", USER)), start)
    assert [d.names for d in found.duties] == [("tea",), ("apple",)]


def test_what_stands_before_the_robot_is_meant() -> None:
    cans = Segment("hold", frozenset({"coke can"}))
    there = Facts(SCENE.at, None, "table")
    assert read(("pick up the can in front of you", cans), first=there).duties[0].names == (
        "coke can",
    )


def test_that_thing_is_what_is_held() -> None:
    held = Facts({**SCENE.at, "apple": None}, "apple")
    thing = Segment("move", frozenset(KINDS), targets=frozenset({"table"}))
    assert read(("put that thing on the table", thing), first=held).duties[0].names == ("apple",)
    named = read(("put the thing on the far counter there", thing), first=held)
    assert len(named.duties[0].names) > 1


def test_a_place_that_is_not_named_is_not_asked_about() -> None:
    every = Segment("move", frozenset(KINDS), "all", COUNTERS, frozenset({"table"}))
    assert open_places(read(("clear the table", every)).duties[0]) == []
    coke = move("coke can", COUNTERS)
    assert len(open_places(read(("put the coke on the counter", coke)).duties[0])) == 2
    assert open_places(read(("put the coke on one of the counters", coke)).duties[0]) == []


def test_what_lies_in_the_trash_stays_there() -> None:
    first = Facts({**SCENE.at, "apple": "trash"}, None, "user")
    spoken = ("i threw the apple away, ", Segment("none", frozenset({"apple"})))
    take = ("take it out and ", Segment("hold", sources=TRASH, link="it"))
    bring = ("bring it here", Segment("move", targets=USER, link="it"))
    found = read(spoken, take, bring, first=first)
    assert found.problem is not None and found.problem.what == "gone"
    away = ("throw it away", Segment("move", targets=TRASH, link="it"))
    assert read(spoken, away, first=first).problem is None


def test_the_other_counter_is_the_one_where_the_robot_is_not() -> None:
    go = ("go to the other counter", Segment("go", targets=frozenset({"far counter"})))
    here, there = (Facts(SCENE.at, None, place) for place in ("far counter", "table"))
    assert [p for p, _ in read(go, first=here).duties[0].targets] == ["close counter"]
    assert [p for p, _ in read(go, first=there).duties[0].targets] == ["far counter"]


def test_the_other_of_two_is_the_one_that_is_left() -> None:
    here = Facts({"coke can": "table", "apple": "table"}, None, "user")
    two = ("there are two things, and ", Segment("none", frozenset(KINDS), "two"))
    no = ("i don't want the coke. ", Segment("none", frozenset({"coke can"})))
    other = ("give me the other one", Segment("move", targets=USER, link="it"))
    assert read(two, no, other, first=here).duties[0].names == ("apple",)


def test_them_means_the_narrower_group() -> None:
    here = Facts({"rice chips": "table", "kettle chips": "table"}, None, "user")
    chips = (
        "the crisps are all over: ",
        Segment("none", frozenset({"rice chips", "kettle chips"})),
    )
    rice = ("the rice ones are stale, ", Segment("none", frozenset({"rice chips"})))
    out = ("out with them", Segment("move", targets=TRASH, link="them"))
    assert [d.names for d in read(chips, rice, out, first=here).duties] == [("rice chips",)]


def test_one_of_what_was_merely_mentioned_is_free_to_choose() -> None:
    fruit = Segment("none", frozenset({"apple", "orange"}))
    here = Facts({"apple": "table", "orange": "table"}, None, "user")
    put = (
        "put it on the far counter",
        Segment("move", targets=frozenset({"far counter"}), link="it"),
    )
    assert read(("one fruit is enough, ", fruit), put, first=here).duties[0].det == "any"
    assert read(("there is the fruit, ", fruit), put, first=here).duties[0].det == "the"
