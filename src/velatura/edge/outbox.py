"""What was signed and not yet received, on disk: a SQLite file for each camera that survives power loss and never grows beyond its bound.

One transaction a tick holds the tick's events, where the chain stands, the bucket and the totals, with WAL and synchronous=FULL: after a crash
either all of a tick is there or nothing, and what is sent was on disk before (a sink sees committed lines alone). Each sink has a cursor; what all
have acknowledged is deleted. What nobody fetches is bounded by rows: the oldest half becomes one signed `aggregate`. A full disk never stops a
tick: lines wait in memory, as bounded, and are not sent before they are on disk.
Limit: a copy of this file that is put back later makes the chain fork; `check_ahead` notices where a consumer remembers more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from velatura.edge.events import Link, parse
from velatura.errors import BadSpec, VelaturaError, Withheld

__all__ = ["MOST_ROWS", "Outbox"]

MOST_ROWS = 20_000  # a fortnight of minutes
MOST_WAITING = 4_000
_TABLES = """
    CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, line BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS cursors (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
"""
Aggregate = Callable[[Sequence[bytes]], bytes]


class Outbox:
    """One camera's. Safe to use from several threads.

    Args:
        path: of the file; its folder is made, 0700.
        most_rows: events that are kept for sinks.

    Attributes:
        state: "ok", "disk-full" or "read-only".
        aside: where a damaged file was moved, when one was found; the chain starts with a gap then.

    Raises:
        BadSpec: `edge.outbox-busy`: another process has it open.
        VelaturaError: `edge.outbox`: it cannot be opened or made.
    """

    def __init__(self, path: Path, *, most_rows: int = MOST_ROWS) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(path)
        except OSError as error:
            raise VelaturaError("edge.outbox", f"{path}: cannot be made: {error.strerror}", hint="choose another --state folder") from error
        self.path, self.state = path, "ok"
        self.aside: Path | None = None
        self._turn = threading.RLock()  # one connection, several threads: a transaction is one thread's
        self._most_rows = most_rows
        self._waiting: list[tuple[int, bytes]] = []
        try:
            self._db = self._opened()
            self.aside = self.aside or self._left_aside()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def link(self) -> Link:
        """Where the chain stands on disk."""
        seq, prev = self.read("link") or (0, "")
        return Link(seq, prev) if prev else Link()

    def read(self, name: str) -> Any:
        """A value of `commit`'s `keep`; None where there is none."""
        with self._turn:
            row = self._db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0])

    def commit(self, lines: Sequence[bytes], link: Link, keep: Mapping[str, Any], *, aggregate: Aggregate) -> bool:
        """Add a tick, whole; False: the disk takes nothing, it waits in memory.

        Args:
            lines: events, in order.
            link: where the chain stands after them.
            keep: what must come back after a power loss (the bucket, totals); JSON.
            aggregate: makes one line of several (`Chain.aggregate`).
        """
        self._waiting += [(parse(line).seq, line) for line in lines]
        try:
            with self._transaction():
                self._db.executemany("INSERT INTO events VALUES (?, ?)", self._waiting)
                values = [(name, msgspec.json.encode(value)) for name, value in {**keep, "link": (link.seq, link.prev)}.items()]
                self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", values)
                self._shrink(aggregate)
        except sqlite3.OperationalError as error:
            self.state = _state(self.path, error)
            self._waiting = _halved(self._waiting, MOST_WAITING, aggregate)
            return False
        self._waiting.clear()
        self.state = "ok"
        return True

    def subscribe(self, sink: str) -> None:
        """A sink that is to have everything that is here from now on, and what is still here."""
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO cursors VALUES (?, -1)", (sink,))

    def unsubscribe(self, sink: str) -> None:
        """Nothing is kept for it any more."""
        with self._transaction():
            self._db.execute("DELETE FROM cursors WHERE sink = ?", (sink,))

    def sinks(self) -> list[str]:
        """Those that something is kept for."""
        with self._turn:
            return [name for (name,) in self._db.execute("SELECT sink FROM cursors ORDER BY sink")]

    def pending(self, sink: str, limit: int = 20, *, after: int | None = None) -> list[tuple[int, bytes]]:
        """(number, line) of the oldest events that a sink has not acknowledged; after: those beyond this number."""
        with self._turn:
            start = self._cursor(sink) if after is None else after
            return self._db.execute("SELECT seq, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (start, limit)).fetchall()

    def acknowledge(self, sink: str, seq: int) -> None:
        """A sink's receiver has everything up to a number. What all have is deleted; an older or unknown number changes nothing."""
        try:
            with self._transaction():
                if not self._cursor(sink) < seq < self.link.seq:
                    return
                self._db.execute("UPDATE cursors SET seq = ? WHERE sink = ?", (seq, sink))
                self._db.execute("DELETE FROM events WHERE seq <= (SELECT MIN(seq) FROM cursors)")
                self._db.execute("PRAGMA incremental_vacuum(64)").fetchall()
        except sqlite3.OperationalError as error:  # the cursor stays where it was, and what is sent again is dropped by its number
            self.state = _state(self.path, error)

    def check_ahead(self, seq: int) -> None:
        """A consumer remembers event `seq`. Raises Withheld `edge.outbox-behind`: this file does not: it is an older copy."""
        if seq >= self.link.seq:
            sentence = f"{self.path}: a receiver has event {seq}, this outbox ends before: it is an older copy, and going on would fork the chain"
            raise Withheld("edge.outbox-behind", sentence, hint="start with a new --state folder and a new key")

    @property
    def waiting(self) -> int:
        """Lines that are in memory alone."""
        return len(self._waiting)

    def close(self) -> None:
        with self._turn:
            self._db.close()
        os.close(self._lock)

    def _cursor(self, sink: str) -> int:
        row = self._db.execute("SELECT seq FROM cursors WHERE sink = ?", (sink,)).fetchone()
        return -1 if row is None else int(row[0])

    def _shrink(self, aggregate: Aggregate) -> None:
        """Within a transaction: the oldest half becomes one line where there are too many."""
        (rows,) = self._db.execute("SELECT COUNT(*) FROM events").fetchone()
        if rows <= self._most_rows:
            return
        oldest = self._db.execute("SELECT seq, line FROM events ORDER BY seq LIMIT ?", (max(2, rows // 2),)).fetchall()
        for run in _runs([line for _, line in oldest]):
            if len(run) > 1:
                first, last = parse(run[0]).seq, parse(run[-1]).seq
                self._db.execute("DELETE FROM events WHERE seq BETWEEN ? AND ?", (first, last))
                self._db.execute("INSERT INTO events VALUES (?, ?)", (last, aggregate(run)))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._turn:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _opened(self) -> sqlite3.Connection:
        try:
            return _sound(self.path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or not self.path.exists():
                raise VelaturaError("edge.outbox", f"{self.path}: cannot be opened: {error}", hint="choose another --state folder") from error
        self.aside = _aside(self.path)
        return _sound(self.path)

    def _left_aside(self) -> Path | None:
        """A damaged file that an earlier start moved away, where none has gone on since."""
        found = sorted(path for path in self.path.parent.glob(f"{self.path.stem}.damaged-*") if path.suffix.removeprefix(".damaged-").isdigit())
        return found[-1] if found and self.link == Link() else None


def _sound(path: Path) -> sqlite3.Connection:
    """An open file, looked through. Raises sqlite3.DatabaseError: it is damaged."""
    db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "auto_vacuum=INCREMENTAL"):
            db.execute(f"PRAGMA {pragma}")
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("the integrity check failed")
        db.executescript(_TABLES)
    except BaseException:
        db.close()
        raise
    return db


def _aside(path: Path) -> Path:
    """Move a damaged file, with its journal, out of the way."""
    number = next(n for n in range(10_000) if not path.with_suffix(f".damaged-{n}").exists())
    for suffix in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(path.with_suffix(f".damaged-{number}{suffix}"))
    return path.with_suffix(f".damaged-{number}")


def _locked(path: Path) -> int:
    handle = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise BadSpec(
            "edge.outbox-busy", f"{path}: another process writes to it", hint="end it, or give this one a --state folder of its own"
        ) from error
    return handle


def _runs(lines: Sequence[bytes]) -> list[list[bytes]]:
    """Lines that may become one: records that follow each other within a boot."""
    runs: list[list[bytes]] = []
    boot = None
    for line in lines:
        event = parse(line)
        mine = event.boot if event.kind in ("record", "aggregate") else None
        if mine is None or mine != boot:
            runs.append([])
        runs[-1].append(line)
        boot = mine
    return runs


def _halved(waiting: list[tuple[int, bytes]], most: int, aggregate: Aggregate) -> list[tuple[int, bytes]]:
    """The oldest half as few lines, where there are more than `most`."""
    if len(waiting) <= most:
        return waiting
    half = len(waiting) // 2
    merged = [aggregate(run) if len(run) > 1 else run[0] for run in _runs([line for _, line in waiting[:half]])]
    return [(parse(line).seq, line) for line in merged] + waiting[half:]


def _state(path: Path, error: sqlite3.OperationalError) -> str:
    """The state that a disk is in which did not take a transaction. Raises VelaturaError `edge.outbox`: it is another error."""
    kind = error.sqlite_errorcode & 0xFF  # without what it was doing
    if kind == sqlite3.SQLITE_READONLY:
        return "read-only"
    if kind in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return "disk-full"
    raise VelaturaError("edge.outbox", f"{path}: {error}", hint="look at the disk") from error
