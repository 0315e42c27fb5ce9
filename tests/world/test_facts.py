"""Facts: value semantics and the round trip through JSON."""

import json

from embodied.world.facts import Facts, kind


def test_json_round_trip_keeps_every_field():
    facts = Facts(
        {"sponge": None, "tea": "drawer"}, "sponge", "table", {"drawer": True}, ("table",)
    )
    assert Facts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_equal_facts_hash_alike_whatever_the_order_of_objects():
    one = Facts({"tea": "table", "apple": "user"})
    two = Facts({"apple": "user", "tea": "table"})
    assert one == two
    assert hash(one) == hash(two)


def test_moving_records_each_place_once_in_a_row():
    facts = Facts({}).moved_to("table").moved_to("table").moved_to("user").moved_to("table")
    assert facts.visited == ("table", "user", "table")
    assert facts.moved_to(None).visited == facts.visited
    assert facts.moved_to(None).moved_to("table").visited == facts.visited


def test_the_mapping_that_was_passed_in_can_change_without_harm():
    at: dict[str, str | None] = {"tea": "table"}
    facts = Facts(at)
    at["tea"] = "trash"
    assert facts.at["tea"] == "table"


def test_kind_drops_the_number_and_held_objects_count_as_instances():
    assert kind("coke can#2") == kind("coke can") == "coke can"
    assert Facts({"tea": "table"}, holding="apple").instances == ("tea", "apple")
