"""What a scripted person says, and when."""

from embodied.person import Scripted
from planners.model import SUCCESS, Step


def test_says_a_line_once_when_the_skill_has_ended() -> None:
    person = Scripted(says=[("pick up the apple", "and the tea")])
    assert person.speaks([Step("find the apple", SUCCESS)]) is None
    ended = [Step("find the apple", SUCCESS), Step("pick up the apple", SUCCESS)]
    assert person.speaks(ended) == "and the tea" and person.speaks(ended) is None


def test_any_copy_of_the_object_will_do() -> None:
    person = Scripted(says=[("pick up the apple", "make that two")])
    assert person.speaks([Step("pick up the apple#2", SUCCESS)]) == "make that two"
    exact = Scripted(says=[("pick up the apple#2", "make that two")])
    assert exact.speaks([Step("pick up the apple", SUCCESS)]) is None
