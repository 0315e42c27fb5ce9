"""Where requests go, and that no key gets into what is written down."""

import pytest

from embodied.errors import EnvironmentFault, UsageError
from planners import load_language_model
from planners.openai_server import Address

ENV = {"OPENAI_BASE_URL": "http://gpu:8000/v1/", "OPENAI_API_KEY": "sk-1"}


@pytest.mark.parametrize(
    ("source", "environ", "model", "url"),
    [
        ("qwen3", ENV, "qwen3", "http://gpu:8000/v1"),
        ("qwen3@https://a.b/api/v1", ENV, "qwen3", "https://a.b/api/v1"),
        (
            "Qwen/Qwen3-0.6B@http://localhost:8000",
            {},
            "Qwen/Qwen3-0.6B",
            "http://localhost:8000/v1",
        ),
        ("llama3.2:1b@http://localhost:11434/v1", {}, "llama3.2:1b", "http://localhost:11434/v1"),
        ("claude@20250101@http://[::1]:80/v1", {}, "claude@20250101", "http://[::1]:80/v1"),
        ("gpt-4.1", {"OPENAI_API_KEY": "sk-1"}, "gpt-4.1", "https://api.openai.com/v1"),
    ],
)
def test_model_and_server(source, environ, model, url):
    address = Address.parse(source, environ)
    assert (address.model, address.url) == (model, url)
    assert address.key == environ.get("OPENAI_API_KEY")
    assert "sk-1" not in repr(address)


@pytest.mark.parametrize(
    "source",
    ["qwen@localhost:8000", "qwen@gpu/v1", "@http://gpu:1/v1", "m@http://", "m@https:///v1"],
)
def test_what_is_no_address(source):
    with pytest.raises(UsageError, match="openai:qwen3@http://localhost:8000/v1"):
        Address.parse(source, ENV)


@pytest.mark.parametrize(
    "url", ["http://me:sk-9@gpu:1/v1", "https://gpu/v1?key=sk-9", "http://sk-9@gpu/v1"]
)
def test_a_key_in_the_address_is_turned_away_and_not_repeated(url):
    with pytest.raises(UsageError, match="OPENAI_API_KEY") as hit:
        Address.parse("m", {"OPENAI_BASE_URL": url})
    assert "sk-9" not in str(hit.value)
    with pytest.raises(UsageError) as hit:
        load_language_model(f"openai:m@{url}")
    assert "sk-9" not in str(hit.value)


def test_openais_own_server_wants_a_key():
    with pytest.raises(EnvironmentFault, match="OPENAI_API_KEY is not set"):
        Address.parse("gpt-4.1", {})


@pytest.mark.parametrize(
    ("url", "local", "exposed"),
    [
        ("http://localhost:1/v1", True, False),
        ("http://127.0.0.1:1/v1", True, False),
        ("http://[::1]:1/v1", True, False),
        ("http://gpu:1/v1", False, True),
        ("https://gpu:1/v1", False, False),
    ],
)
def test_what_travels_in_the_open(url, local, exposed):
    address = Address.parse(f"m@{url}", {})
    assert (address.local, address.exposed) == (local, exposed)


def test_settings_are_checked_before_anything_is_sent():
    for setting, said in [
        ("timeout=0", "above 0"),
        ("votes=0", "at least 1"),
        ("strategy=magic", "letters"),
        ("tries=many", "a whole number"),
    ]:
        with pytest.raises(UsageError, match=said):
            load_language_model(f"openai:m@http://127.0.0.1:9/v1?{setting}")
