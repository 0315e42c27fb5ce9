"""Which model on which server: ``<model>@<base URL>``, with the environment for what is left out.

The key comes from OPENAI_API_KEY and from nowhere else: what is typed ends up in a run's files.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from embodied.errors import EnvironmentFault, UsageError

OPENAI = "https://api.openai.com/v1"
EXAMPLE = "openai:qwen3@http://localhost:8000/v1"


@dataclass(frozen=True)
class Address:
    """url: the API's root, without a slash at its end. key: never shown; None sends a dummy."""

    model: str
    url: str
    key: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, source: str, environ: Mapping[str, str] | None = None) -> Address:
        """Take `<model>` or `<model>@<base URL>` apart; the rest is OPENAI_BASE_URL, OPENAI_API_KEY.

        Raises:
            UsageError: no model, or not a URL of an API.
            EnvironmentFault: it is OpenAI's own server, and there is no key.
        """
        environ = os.environ if environ is None else environ
        model, _, typed = re.sub(r"@(?=https?://)", "\n", source).partition("\n")
        key = environ.get("OPENAI_API_KEY", "").strip() or None
        url = api_root(typed or environ.get("OPENAI_BASE_URL", "").strip() or OPENAI)
        if not model or re.search(r"@.*[.:/]|@localhost", model):  # e.g. a URL without its http
            raise UsageError(f"--llm openai names a model and its server like this: {EXAMPLE}.")
        if key is None and url == OPENAI:
            raise EnvironmentFault(
                "OPENAI_API_KEY is not set, and OpenAI's server wants a key. Set it, or name a "
                f"server of your own with OPENAI_BASE_URL or like this: --llm {EXAMPLE}."
            )
        return cls(model, url, key)

    @property
    def local(self) -> bool:
        """Whether the server is on this machine, where no proxy leads."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def exposed(self) -> bool:
        """Whether prompt and key would travel unencrypted between machines."""
        return self.url.startswith("http://") and not self.local


def api_root(url: str) -> str:
    """`url` as requests need it: ``/v1`` added where only a host was given.

    Raises:
        UsageError: not http(s), or with a key or password inside, which would be written to files.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"'{url}' is no address of a model server; give one like {EXAMPLE}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "The address of a model server must not carry a password, key or query, for it is "
            "written to the run's files; put the key into OPENAI_API_KEY."
        )
    return url.rstrip("/") if parts.path.strip("/") else f"{url.rstrip('/')}/v1"
