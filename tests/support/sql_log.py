"""What the program says to SQLite, as SQLite heard it: every connection that is opened is listened to."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Listen = Callable[[str], object]


@contextmanager
def listening(listener_for_next: Callable[[], Listen]) -> Iterator[None]:
    """Connections that are opened in the block tell their listener each statement before it runs."""
    connect = sqlite3.connect

    def connect_and_listen(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_trace_callback(listener_for_next())
        return connection

    sqlite3.connect = connect_and_listen  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite3.connect = connect


@contextmanager
def sql_log() -> Iterator[list[list[str]]]:
    """For each connection that is opened in the block, the statements that ran on it, in order."""
    heard: list[list[str]] = []

    def listener() -> Listen:
        heard.append([])
        return heard[-1].append

    with listening(listener):
        yield heard
