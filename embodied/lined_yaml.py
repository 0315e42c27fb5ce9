"""YAML that people write: doubled keys are refused, and what is wrong is reported where it stands."""

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


_NO_KEYS = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")


class StrictLoader(yaml.SafeLoader):
    """A doubled key is an error, where YAML's own loaders silently take the last. Keys that are merged in
    (``<<``) may be overridden, as ever."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._looked_at: set[yaml.Node] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merges other mappings into a node, whose own keys are looked at before.

        Raises:
            yaml.constructor.ConstructorError: a key is no word, or stands twice.
        """
        if node not in self._looked_at:  # it is flattened again where it is merged elsewhere
            self._looked_at.add(node)
            self._refuse_doubled(node)
        super().flatten_mapping(node)

    def _refuse_doubled(self, node: yaml.MappingNode) -> None:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag in _NO_KEYS:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _problem("a key must be a word", key_node)
            if key in seen:
                raise _problem(f"the key '{key}' stands twice", key_node)
            seen.add(key)


class LinedLoader(StrictLoader):
    """Strings, lists and mappings carry the `line` they begin on as well."""


def _problem(said: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, said, node.start_mark)


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
    made = _Map(loader.construct_mapping(node, deep=True))
    made.line = _line(node)
    return made


LinedLoader.add_constructor("tag:yaml.org,2002:str", _string)
LinedLoader.add_constructor("tag:yaml.org,2002:seq", _list)
LinedLoader.add_constructor("tag:yaml.org,2002:map", _map)
