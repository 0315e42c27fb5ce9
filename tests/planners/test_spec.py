"""`--llm` strings: what they say reaches the back end, and what they misspell is named."""

from dataclasses import dataclass
from typing import Literal

import pytest

from embodied.errors import UsageError
from planners import load_language_model
from planners.spec import Spec


@dataclass(frozen=True)
class Cfg:
    norm: Literal["sum", "pmi"] = "sum"
    temperature: float = 1.0
    chunk: int = 32
    chat: bool | None = None
    key: str | None = None


def test_settings_reach_the_configuration_with_their_types():
    spec = Spec.parse("hf:/models/a:b?norm=pmi&temperature=0.7&chunk=8&chat=no&key=x=y")
    assert (spec.kind, spec.source) == ("hf", "/models/a:b")
    assert spec.configure(Cfg) == Cfg("pmi", 0.7, 8, False, "x=y")
    assert Spec.parse("hf:Qwen/Qwen3-0.6B").configure(Cfg) == Cfg()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("nrom=pmi", "no setting 'nrom'.*chat, chunk, key, norm, temperature"),
        ("norm=max", "sum or pmi, not 'max'"),
        ("temperature=hot", "a number, not 'hot'"),
        ("chunk=1.5", "a whole number"),
        ("chat=perhaps", "yes or no"),
        ("norm", "'norm'.* sets nothing"),
        ("=pmi", "sets nothing"),
    ],
)
def test_a_wrong_setting_is_named(query, said):
    with pytest.raises(UsageError, match=said):
        Spec.parse(f"hf:x?{query}").configure(Cfg)


def test_errors_come_before_the_model_is_looked_for():
    with pytest.raises(UsageError, match="no setting 'temprature'"):
        load_language_model("hf:nobody/nothing?temprature=2")
    with pytest.raises(UsageError, match="above 0"):
        load_language_model("hf:nobody/nothing?temperature=0")
    with pytest.raises(UsageError, match="no language model 'embedded\\?a=b'"):
        load_language_model("embedded?a=b")
