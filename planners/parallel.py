"""Several requests at a time, in threads: for models that wait for a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def together(ask: Callable[[Item], Value], items: Sequence[Item], parallel: int) -> list[Value]:
    """`ask` of every item, `parallel` at a time; the first failure ends it."""
    if parallel == 1 or len(items) < 2:
        return [ask(item) for item in items]
    with ThreadPoolExecutor(parallel) as pool:
        futures = [pool.submit(ask, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
