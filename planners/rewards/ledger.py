"""What a search did, append-only: resumable after kill -9, and replayed without any cost.

One sqlite file. `kept` maps a request (a prompt to a model, a training) to its result, so that nothing
is paid for twice; `log` is a chain of entries, each with the hash of the one before. A search is a
deterministic function of its settings and the kept results. Resuming means to run it again: what is
kept is not asked for again, and what it appends must be what stands in the log already. Seconds and
money lie beside the results, not in the chain, since no two runs agree on them.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.errors import UsageError
from embodied.outputs import plain, write_fault, write_text

SCHEMA = """
create table if not exists kept (
  key text primary key, kind text not null, body text not null, hash text not null, cost text not null
) strict;
create table if not exists log (
  n integer primary key, body text not null, hash text not null
) strict;
"""
START = "0" * 64


def canonical(value: Any) -> str:
    """`value` as JSON in its one spelling, so that equal values have equal hashes. Half a surrogate pair,
    as models write where they cut an emoji in two, becomes a question mark."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


@dataclass(frozen=True)
class Kept:
    """A result. body: of the request. cost: what it took (seconds, tokens, money), once."""

    body: Any
    cost: dict[str, float]


class Ledger:
    """The ledger in one file. Safe to use from several threads of one process.

    Raises:
        UsageError: the file is no ledger.
        EnvironmentFault: it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock, self._at, self._last = threading.RLock(), 0, START
        self._file = None
        try:
            self._file = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._file.execute("pragma synchronous=full")
            self._file.executescript(SCHEMA)
        except sqlite3.OperationalError as error:
            self.close()
            raise write_fault(self.path, error) from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise UsageError(
                f"{self.path} is no ledger of a search ({error}); give --out another."
            ) from error

    def kept(self, kind: str, request: Any) -> Kept | None:
        """The result of a request, if it was kept.

        Raises:
            UsageError: the file was changed since.
        """
        rows = self._ask("select body, hash, cost from kept where key = ?", _key(kind, request))
        if not rows:
            return None
        body, hashed, cost = rows[0]
        if hashlib.sha256(body.encode()).hexdigest() != hashed:
            raise UsageError(f"{self.path} was changed: a kept {kind} has another hash.")
        return Kept(json.loads(body), json.loads(cost))

    def keep(self, kind: str, request: Any, body: Any, cost: Mapping[str, float]) -> Kept:
        """Keep a result; the first one of a request stays. Returns what is kept."""
        text = canonical(body)
        hashed = hashlib.sha256(text.encode()).hexdigest()
        with self._writing():
            self._ask(
                "insert or ignore into kept values (?, ?, ?, ?, ?)",
                _key(kind, request), kind, text, hashed, canonical(cost),
            )  # fmt: skip
        found = self.kept(kind, request)
        assert found is not None
        return found

    def append(self, kind: str, **fields: Any) -> str:
        """Append an entry, or, while resuming, find it there already. Returns its hash.

        Raises:
            UsageError: another entry stands in its place, so this is another search.
        """
        with self._lock:
            text = canonical({"kind": kind, **fields})
            hashed = hashlib.sha256((self._last + text).encode()).hexdigest()
            rows = self._ask("select body, hash from log where n = ?", self._at)
            if rows and rows[0] != (text, hashed):
                held = json.loads(rows[0][0])["kind"]
                raise UsageError(
                    f"{self.path} holds another search: its entry {self._at} ({held}) is not the one "
                    f"that follows now ({kind}). Give --out another folder, or the flags, models and "
                    "versions that this one was begun with."
                )
            if not rows:
                with self._writing():
                    self._ask("insert into log values (?, ?, ?)", self._at, text, hashed)
            self._at, self._last = self._at + 1, hashed
            return hashed

    def rewind(self) -> None:
        """Begin again at the first entry: a second search over the same ledger replays it."""
        with self._lock:
            self._at, self._last = 0, START

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The entries, checked against their chain.

        Raises:
            UsageError: the chain is broken.
        """
        last, found = START, []
        for n, (text, hashed) in enumerate(self._ask("select body, hash from log order by n")):
            if hashlib.sha256((last + text).encode()).hexdigest() != hashed:
                raise UsageError(f"{self.path} was changed: entry {n} breaks the chain of hashes.")
            last = hashed
            entry = json.loads(text)
            if kind in (None, entry["kind"]):
                found.append(entry)
        return found

    @property
    def head(self) -> str:
        """The hash of the last entry: it stands for the whole chain."""
        rows = self._ask("select hash from log order by n desc limit 1")
        return rows[0][0] if rows else START

    def costs(self) -> dict[str, dict[str, float]]:
        """What was spent in all, by kind of request; `calls` counts the requests."""
        sums: dict[str, dict[str, float]] = {}
        for kind, cost in self._ask("select kind, cost from kept order by key"):
            total = sums.setdefault(kind, {"calls": 0})
            for name, value in {"calls": 1, **json.loads(cost)}.items():
                total[name] = total.get(name, 0) + value
        return sums

    def export(self, path: Path) -> None:
        """Write the entries as JSON lines, for people and other programs."""
        write_text(path, "".join(f"{canonical(entry)}\n" for entry in self.entries()))

    def close(self) -> None:
        """Close the file; nothing is lost without it."""
        if self._file is not None:
            self._file.close()

    def _ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        assert self._file is not None
        with self._lock:
            return self._file.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise write_fault(self.path, error) from error


def _key(kind: str, request: Any) -> str:
    return digest([kind, request])
