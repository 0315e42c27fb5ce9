"""YAML that knows its lines: what is wrong in a file can then be reported where it stands."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml


class _Str(str):
    line: int


class _List(list[Any]):
    line: int


class _Map(dict[Any, Any]):
    line: int


class LinedLoader(yaml.SafeLoader):
    """Strings, lists and mappings carry the `line` they begin on; a doubled key is an error."""


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _string(loader: LinedLoader, node: yaml.ScalarNode) -> _Str:
    made = _Str(loader.construct_scalar(node))
    made.line = _line(node)
    return made


def _list(loader: LinedLoader, node: yaml.SequenceNode) -> _List:
    made = _List(loader.construct_object(part, deep=True) for part in node.value)
    made.line = _line(node)
    return made


def _map(loader: LinedLoader, node: yaml.MappingNode) -> _Map:
    loader.flatten_mapping(node)
    made = _Map()
    made.line = _line(node)
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        wrong = "a key must be a word" if not isinstance(key, Hashable) else ""
        if wrong or key in made:
            wrong = wrong or f"the key '{key}' stands twice"
            raise yaml.constructor.ConstructorError(None, None, wrong, key_node.start_mark)
        made[key] = loader.construct_object(value_node, deep=True)
    return made


LinedLoader.add_constructor("tag:yaml.org,2002:str", _string)
LinedLoader.add_constructor("tag:yaml.org,2002:seq", _list)
LinedLoader.add_constructor("tag:yaml.org,2002:map", _map)
