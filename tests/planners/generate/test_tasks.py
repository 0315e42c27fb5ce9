"""Tasks from the goal language: sampled, said, sieved, twinned, labelled; and a model's proposals."""

import json
from random import Random

import pytest

from embodied.tasks.labels import ideal_effect, parse_label
from embodied.world import catalogue
from embodied.world.facts import PLACES, kind
from embodied.world.goals import At, Count, Holding, RobotAt, What, atoms, parse_goal
from planners.generate import twins
from planners.generate.proposals import EXAMPLES, by_grammar, by_model, read, request
from planners.generate.scenes import CROWD, Scene, SceneCfg, sample_scene
from planners.generate.sieve import Proposal, Sieve, Task, decisions, sift
from planners.generate.words import CATEGORIES, PLURALS, Words
from planners.model import in_front
from planners.solver import solve

SCENE = Scene({"apple": "table", "tea": "close counter", "coke can": "far counter"}, "table")


def tasks(number: int, lengths=(1, 12), seed=0, drawer=False) -> list[Task]:
    sieve = Sieve(*lengths, drawer)
    found = by_grammar(Random(seed), lengths, SceneCfg(drawer=drawer))
    return sift(found, sieve, number, 40 * number)


@pytest.mark.parametrize("drawer", [False, True])
def test_scenes_are_roomy_and_whole(drawer):
    rng = Random(1)
    for _ in range(200):
        scene = sample_scene(rng, SceneCfg(drawer=drawer, held=0.5))
        places = [place for place in scene.objects.values() if place is not None]
        assert all(places.count(place) <= CROWD for place in places)
        assert ("drawer" in places) <= drawer
        assert (scene.holding is None) == (None not in scene.objects.values())
        assert set(map(kind, scene.objects)) <= set(catalogue.objects())
        assert scene.robot_at in PLACES


@pytest.mark.parametrize("drawer", [False, True])
def test_what_the_grammar_wishes_can_nearly_always_be_done(drawer):
    sieve = Sieve(1, 12, drawer)
    found = by_grammar(Random(2), (1, 12), SceneCfg(drawer=drawer))
    made = sift(found, sieve, 200, 300)
    assert len(made) == 200 and sieve.rejected["no plan"] == 0
    lengths = [task.length for task in made]
    assert lengths == sorted(lengths) and set(lengths) >= set(range(1, 13))
    for task in made:
        assert task.proposal.goal is not None
        found = solve(task.proposal.goal, task.proposal.scene.facts(), drawer=drawer)
        assert found.calls is not None and len(found.calls) == task.length


def test_long_tasks_come_when_asked_for():
    made = tasks(20, (16, 20), seed=3)
    assert len(made) == 20 and all(16 <= task.length <= 20 for task in made)


def test_clauses_name_what_the_goal_is_about():
    for task in tasks(150, seed=4):
        goal, scene = task.proposal.goal, task.proposal.scene
        assert goal is not None
        for atom in atoms(goal):
            if not isinstance(atom, At | Holding):
                continue
            said = Words(Random(0), scene).clause(atom)
            assert any(form in said for form in forms(atom.what, scene)), said


def forms(what: What, scene: Scene) -> list[str]:
    held = ["you are holding", "in your hand"] if scene.holding else []
    if what.category:
        return [*CATEGORIES.get(what.category, ()), what.category]
    specs = [catalogue.objects()[kind(name)] for name in what.names]
    heads = [spec.description.partition(",")[0].partition(" ")[2] for spec in specs]
    return [*held, *heads, *(word for s in specs for word in (s.name, *s.aliases))]


def test_counts_say_how_many_and_all_means_all():
    scene = Scene({"apple": "table", "apple#2": "table", "orange": "table", "tea": "table"})
    words = Words(Random(0), scene)
    assert "exactly two apples" in words.clause(Count(What(("apple",)), "user", 2, 2))
    assert f"two different {PLURALS['fruit']}" in words.clause(
        Count(What((), "fruit"), "user", 2, distinct=True)
    )
    said = words.clause(Count(What((), "fruit"), "user", 3))
    assert any(every in said for every in ("all the ", "all of the ", "every one of the "))


def test_an_apple_where_there_are_two_and_the_apple_where_there_is_one():
    two = Scene({"apple": "table", "apple#2": "table"})
    for seed in range(20):
        assert Words(Random(seed), two).thing(What(("apple",)))[:2] in ("an", "a ")
        assert Words(Random(seed), SCENE).thing(What(("apple",))).startswith("the ")


@pytest.mark.parametrize(
    ("goal", "expect", "reason"),
    [
        ({"at": ["apple", "table"]}, "done", "already done at the start"),
        ({"at": ["orange", "user"]}, "done", "no plan"),
        ({"robot_at": "user"}, "done", "plan too short"),
        ({"all": [{"at": ["apple", "user"]}, {"at": ["tea", "user"]}]}, "done", "plan too long"),
        ({"at": ["tea", "user"]}, "refuse", "not infeasible after all"),
        ({"at": ["tea", "drawer"]}, "done", "no plan"),
    ],
)
def test_what_the_sieve_holds_back(goal, expect, reason):
    sieve = Sieve(2, 6)
    assert sieve.admit(Proposal("please", SCENE, parse_goal(goal), expect)) is None
    assert sieve.rejected == {reason: 1}


def test_nothing_comes_through_twice():
    sieve = Sieve()
    goal, other = parse_goal({"at": ["tea", "user"]}), parse_goal({"at": ["tea", "trash"]})
    assert sieve.admit(Proposal("Tea, please!", SCENE, goal)) is not None
    assert sieve.admit(Proposal("tea please", SCENE, other)) is None  # the same words
    assert sieve.admit(Proposal("Get me the tea.", SCENE, goal)) is None  # the same task
    elsewhere = Scene({"tea": "table"}, "table")
    assert sieve.admit(Proposal("Get me the tea.", elsewhere, goal)) is not None
    assert sieve.rejected == {"there before": 2}


def test_each_kind_of_twin_cannot_be_done():
    made = dict.fromkeys((twins.absent, twins.unknown, twins.impossible), 0)
    for i, task in enumerate(tasks(60, (4, 8), seed=5)):
        for make in made:
            found = make(task, Random(i))
            if isinstance(found, str):
                continue
            made[make] += 1
            assert found.expect == "refuse"
            facts, goal = found.scene.facts(), found.goal
            assert (goal is None) == (make is not twins.absent)
            if goal is None:
                assert found.scene == task.proposal.scene
                assert found.instruction != task.proposal.instruction
            else:
                assert found.instruction == task.proposal.instruction
                assert len(facts.at) < len(task.proposal.scene.objects)
    assert min(made.values()) >= 40


def test_an_unknown_thing_is_called_by_its_name():
    task = Task(Proposal("Get me the tea.", SCENE, parse_goal({"at": ["tea", "user"]})), 4)
    for seed in range(30):
        found = twins.unknown(task, Random(seed))
        if isinstance(found, Proposal):
            assert any(word in found.instruction.lower() for word in twins.NOWHERE)
            assert " tea" not in found.instruction.lower()


@pytest.mark.parametrize("drawer", [False, True])
def test_every_label_of_a_decision_brings_the_goal_one_step_closer(drawer):
    for task in tasks(15, (3, 9), seed=6, drawer=drawer):
        goal, made = task.proposal.goal, decisions(task, drawer)
        assert goal is not None and len(made) == task.length + 1
        assert made[-1].right == ("done",)
        for decision in made[:-1]:
            left = task.length - len(decision.history)
            assert decision.right and "done" not in decision.right
            for label in decision.right:
                after = ideal_effect(parse_label(label), decision.facts)
                front = parse_label(label).obj if label.startswith(("find", "place")) else None
                front = front or in_front(decision.history)
                rest = solve(goal, after, front, drawer).calls
                assert rest is not None and len(rest) == left - 1


def test_refusals_have_no_decisions():
    assert decisions(Task(Proposal("sing", SCENE, None, "refuse"), 0)) == []


# ------------------------------------------------------------------ a language model's proposals


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("I would rather not.", "no JSON"),
        ("{'instruction': 'x'}", "no JSON"),
        ("{" * 5000, "no JSON"),
        ('["a"]', "no JSON"),
        ('{"goal": {"robot_at": "user"}}', "no instruction"),
        ('{"instruction": " ", "goal": {"robot_at": "user"}}', "no instruction"),
        ('{"instruction": "go", "goal": {"robot_at": "moon"}}', "goal not understood"),
        ('{"instruction": "go"}', "goal not understood"),
    ],
)
def test_what_a_reply_may_lack(reply, outcome):
    assert read(reply, SCENE) == outcome


def test_a_reply_may_have_words_around_it():
    found = read('Sure:\n{"instruction": "come\\nhere", "goal": {"robot_at": "user"}} Done.', SCENE)
    assert found == Proposal("come here", SCENE, RobotAt("user"))


def test_a_model_is_told_scene_language_and_examples():
    text = request(SCENE, 2, "a child")
    assert "far counter: coke can" in text and "2 errands" in text and "a child" in text
    for word in ('"robot_at"', '"distinct"', *catalogue.objects(), *catalogue.places()):
        assert word in text
    for said, goal in EXAMPLES:
        assert said in text and parse_goal(goal)


class Writer:
    """Writes about what it is shown, and now and then nonsense; stands in for a model."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def generate(self, text: str, max_tokens: int) -> str:
        self.asked.append(text)
        number = len(self.asked)
        if number % 3 == 0:
            return "no idea"
        shown = text.rpartition("Scene: ")[2]
        name = next(name for name in catalogue.objects() if name in shown)
        goal = {"at": [name, "user"]}
        return json.dumps({"instruction": f"{name}, number {number}", "goal": goal})


def test_a_models_proposals_go_through_the_same_door():
    model, sieve = Writer(), Sieve(1, 4)
    made = sift(by_model(model, Random(0), (1, 4), SceneCfg()), sieve, 10, 60)
    assert len(made) == 10
    assert sum(sieve.rejected.values()) + 10 == len(model.asked)
    assert sieve.rejected["no JSON"] == len(model.asked) // 3
    for task in made:
        goal = task.proposal.goal
        assert goal is not None and solve(goal, task.proposal.scene.facts()).solved
