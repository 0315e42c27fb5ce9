"""YAML that people write: a key that stands twice is refused; what is merged in may be overridden."""

import pytest
import yaml

from embodied.lined_yaml import LinedLoader, StrictLoader

MERGED = """
base: &base {kind: surface, height: 1}
other: {<<: *base, height: 2}
outer: {inner: &inner {<<: *base, x: 1}}
last: {<<: *inner}
"""


@pytest.mark.parametrize("loader", [StrictLoader, LinedLoader])
def test_merged_keys_may_be_overridden_and_others_not_doubled(loader: type[StrictLoader]) -> None:
    found = yaml.load(MERGED, Loader=loader)
    assert found["other"] == {"kind": "surface", "height": 2}
    assert found["last"] == {"kind": "surface", "height": 1, "x": 1}
    with pytest.raises(yaml.YAMLError, match="the key 'x' stands twice"):
        yaml.load("a: {x: 1, x: 2}", Loader=loader)
    with pytest.raises(yaml.YAMLError, match="a key must be a word"):
        yaml.load("{{a: 1}: 2}", Loader=loader)


def test_parts_know_their_lines() -> None:
    found = yaml.load("a:\n  - b\n  - {c: d}\n", Loader=LinedLoader)
    assert (found.line, found["a"].line, found["a"][0].line, found["a"][1].line) == (1, 2, 2, 3)
