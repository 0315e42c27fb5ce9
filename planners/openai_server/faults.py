"""What may go wrong with a server, which of it is worth another try, and what to tell a person."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from embodied.errors import EnvironmentFault

Kind = Literal["unreachable", "cut", "silent", "busy", "key", "broken"]

FIXES: dict[Kind, str] = {
    "unreachable": "Start the server or correct its address",
    "cut": "Look into the server's log",
    "silent": "Wait until it has loaded its model, or give --llm a longer timeout=",
    "busy": "Try again later, or give --llm a longer budget=",
    "key": "Set OPENAI_API_KEY to a key that this server accepts",
    "broken": "Look into the server's log, and check that the address ends where its API begins, "
    "usually in /v1",
}


class Unfit(Exception):
    """A way of scoring that this server cannot serve; says why."""


class Refused(Exception):
    """The server does not take this request, and would not the next time."""


class Transient(Exception):
    """Worth another try. kind: in what way it failed. wait: seconds that the server asks for."""

    def __init__(self, kind: Kind, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.kind: Kind = kind
        self.wait = wait


class ServerFault(EnvironmentFault):
    """The server failed for good. kind: in what way. what: it said or did, a clause."""

    def __init__(self, url: str, fault: Transient, tries: int, seconds: float) -> None:
        self.kind: Kind = fault.kind
        self.what = str(fault)
        times = f" {tries} times in {seconds:.0f} s (lastly: {fault}" if tries > 1 else f" ({fault}"
        wait = f"; it asks to wait {fault.wait:.0f} s" if fault.wait else ""
        super().__init__(
            f"The model server at {url} failed{times}{wait}). {FIXES[fault.kind]}; or use --llm "
            "embedded, or give --llm the setting fallback=embedded."
        )


def retry_after(headers: Any) -> float | None:
    """Seconds that a Retry-After header asks for, be it a number or a date."""
    text = headers.get("retry-after") or ""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
