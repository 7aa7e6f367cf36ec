"""A process of its own for texts: one that ends a tokenizer (they are C and C++) costs that process, not the ingest.

An encoder that cannot be sent to another process reads here: then a crash ends the run, and the database remembers it.
"""

from __future__ import annotations

import multiprocessing
import pickle
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from echosearch.db.studies.reports import ReportText
from echosearch.encoder.base import Encoder, TextNotes
from echosearch.vector import Vectors
from echosearch.workers.jobs import PoolBroken
from echosearch.workers.server import TEXTS_NAME

__all__ = ["TextProcess", "TextsRead"]

START_SECONDS = 600.0  # it imports torch and loads a text tower
BATCH_SECONDS = 900.0  # a process that takes longer counts as dead
MAX_DEATHS = 40  # one after another: then it is not the texts


@dataclass(frozen=True)
class TextsRead:
    """The result of reading reports: a note for each, and vectors of those numbered in ``fresh``; the others' stay."""

    notes: tuple[TextNotes, ...]
    fresh: tuple[int, ...]
    vectors: Vectors  # (len(fresh), D)


class TextProcess:
    """The process starts with the first text, and again after its death; ``end`` it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._deaths = 0
        try:
            self._sent: bytes | None = pickle.dumps(encoder)
        except (pickle.PicklingError, AttributeError, TypeError):  # a class inside a function, a lock
            self._sent = None

    def read(self, reports: Sequence[ReportText]) -> TextsRead | None:
        """Return what the encoder makes of the reports, None if its process ended. What the encoder raises is raised
        here."""
        if self._process is None and self._sent is not None and not self._start():
            self._sent = None  # it cannot be loaded there, as one that a script defines
        if self._sent is None:
            return _read(self._encoder, reports)
        answer = self._ask(reports, BATCH_SECONDS)
        if answer is None:
            self.end()
            self._deaths += 1
            if self._deaths == MAX_DEATHS:
                raise PoolBroken(f"reports cannot be read: {MAX_DEATHS} processes ended one after another")
            return None
        self._deaths = 0
        read, error = answer
        if error is not None:
            raise error
        assert isinstance(read, TextsRead)
        return read

    def _start(self) -> bool:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=True)
        own_main = type(self._encoder).__module__ == "__main__"  # then the process has to import it too
        name = "texts-of-a-script" if own_main else TEXTS_NAME
        process = context.Process(target=_serve, args=(theirs,), name=name, daemon=True)
        try:
            process.start()
        except OSError:  # no memory or no process left
            return False
        finally:
            theirs.close()
        self._process = process
        started = self._ask(self._sent, START_SECONDS)
        if started is None or started[1] is not None:
            self.end()
            return False
        return True

    def _ask(self, message: object, seconds: float) -> tuple[Any, Exception | None] | None:
        """Send one message and wait for its answer; None if the process ends or takes too long."""
        assert self._pipe is not None
        try:
            self._pipe.send(message)
            if self._pipe.poll(seconds):
                answer: tuple[Any, Exception | None] = self._pipe.recv()
                return answer
        except (EOFError, OSError):
            pass
        return None

    def end(self) -> None:
        """End the process; the next text starts another."""
        if self._process is None or self._pipe is None:
            return
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process = self._pipe = None


def _serve(pipe: Connection) -> None:
    """Run the process: receive an encoder, then reports until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    encoder: Encoder | None = None
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        read, error = None, None
        try:
            if encoder is None:
                encoder = pickle.loads(message)
                encoder.encode_texts([])  # what it loads, it loads before a text can be blamed
            else:
                read = _read(encoder, message)
        except Exception as exc:  # raised again in the parent
            error = _portable(exc)
        pipe.send((read, error))


def _portable(exc: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(exc))
    except Exception:  # whatever its pickling raises, its name still travels
        return RuntimeError(f"{type(exc).__name__} where texts are read")
    return exc


def _read(encoder: Encoder, reports: Sequence[ReportText]) -> TextsRead:
    notes = tuple(encoder.text_notes([report.text for report in reports]))
    fresh = tuple(
        i for i, (report, note) in enumerate(zip(reports, notes, strict=True)) if not (report.stored and note.as_before)
    )
    return TextsRead(notes, fresh, encoder.encode_texts([reports[i].text for i in fresh]))
