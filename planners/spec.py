"""What `--llm` takes: ``KIND:SOURCE?SETTING=VALUE&SETTING=VALUE``.

Settings are the fields of the back end's configuration, so one string says all about a model, on
every command line and in every record of a run: ``hf:Qwen/Qwen3-0.6B?norm=pmi&temperature=0.7``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from embodied.errors import UsageError

Cfg = TypeVar("Cfg")
SWITCH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Spec:
    """A parsed `--llm`. kind: the back end. source: which of its models. settings: as typed."""

    kind: str
    source: str
    settings: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Take a spec apart.

        Raises:
            UsageError: a setting without a value.
        """
        model, _, query = text.partition("?")
        kind, _, source = model.partition(":")
        settings = {}
        for pair in filter(None, query.split("&")):
            key, equals, value = pair.partition("=")
            if not (key and equals and value):
                raise UsageError(
                    f"'{pair}' in --llm '{text}' sets nothing; settings follow the model like "
                    "this: 'hf:ID?norm=pmi&temperature=0.7' (quoted, for the shell)."
                )
            settings[key] = value
        return cls(kind, source, settings)

    def __str__(self) -> str:
        model = f"{self.kind}:{self.source}" if self.source else self.kind
        query = "&".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{model}?{query}" if query else model

    def configure(self, cfg_type: type[Cfg]) -> Cfg:
        """A configuration dataclass with these settings, its own defaults elsewhere.

        Raises:
            UsageError: no such setting, or a value that it cannot have.
        """
        assert dataclasses.is_dataclass(cfg_type)
        hints = get_type_hints(cfg_type)
        known = {f.name for f in dataclasses.fields(cfg_type)}
        values = {}
        for key, text in self.settings.items():
            if key not in known:
                some = f"Its settings: {', '.join(sorted(known))}." if known else "It has none."
                raise UsageError(f"--llm {self.kind} has no setting '{key}'. {some}")
            try:
                values[key] = read(text, hints[key])
            except ValueError as error:
                raise UsageError(
                    f"--llm {self.kind} takes for '{key}' {error}, not '{text}'."
                ) from None
        return cfg_type(**values)


def read(text: str, hint: Any) -> Any:
    """`text` as a value of an annotation: str, int, float, bool, a Literal, or one of these or None.

    Raises:
        ValueError: it is none; the message says what would be.
    """
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is Literal:
        if text in get_args(hint):
            return text
        raise ValueError(" or ".join(map(str, get_args(hint))))
    if hint is bool:
        if text.lower() in SWITCH:
            return SWITCH[text.lower()]
        raise ValueError("yes or no")
    try:
        return hint(text)
    except ValueError:
        raise ValueError({int: "a whole number", float: "a number"}[hint]) from None
