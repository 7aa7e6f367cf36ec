"""A process of its own for texts: one that ends a tokenizer (they are C and C++) costs that process, not the ingest.

A reader that cannot be sent to another process reads here: then a crash ends the run, and the database remembers it.
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
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from echosearch.db.studies.reports import ReportText
from echosearch.encoder.base import Encoder, TextNotes
from echosearch.encoder.text.report_words import ReportWord, report_words
from echosearch.report.facts import load_lexicon
from echosearch.unicode import holds_parts
from echosearch.vector import Vectors
from echosearch.workers.jobs import PoolBroken
from echosearch.workers.server import TEXTS_NAME

__all__ = ["EncoderReader", "TextProcess", "TextsRead", "WordReader"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

START_SECONDS = 600.0  # it imports torch and loads a text tower
BATCH_SECONDS = 900.0  # a process that takes longer counts as dead
MAX_DEATHS = 40  # one after another: then it is not the texts


@dataclass(frozen=True)
class TextsRead:
    """The result of reading reports: a note for each, and vectors of those numbered in ``fresh``; the others' stay."""

    notes: tuple[TextNotes, ...]
    fresh: tuple[int, ...]
    vectors: Vectors  # (len(fresh), D)


class TextReader(Protocol[R_co]):
    """What is made of texts in the process; it is sent there pickled."""

    @property
    def own_module(self) -> str:
        """The module that the process has to import."""

    def load(self) -> None:
        """Load what it needs before a text can be blamed."""

    def read(self, reports: Sequence[ReportText]) -> R_co: ...


@dataclass(frozen=True)
class EncoderReader:
    """Vectors of reports."""

    encoder: Encoder

    @property
    def own_module(self) -> str:
        return type(self.encoder).__module__

    def load(self) -> None:
        self.encoder.encode_texts([])

    def read(self, reports: Sequence[ReportText]) -> TextsRead:
        notes = tuple(self.encoder.text_notes([report.text for report in reports]))
        fresh = tuple(i for i, (report, note) in enumerate(zip(reports, notes, strict=True)) if _is_fresh(report, note))
        return TextsRead(notes, fresh, self.encoder.encode_texts([reports[i].text for i in fresh]))


def _is_fresh(report: ReportText, note: TextNotes) -> bool:
    """Return whether a report has no vector, or one of other tokens (TEXT_FORM, report/text.py)."""
    if report.form == 2:
        return holds_parts(report.text)
    return report.form == 0 or not note.as_before


@dataclass(frozen=True)
class WordReader:
    """Words of reports. The lexicon says which of them are denied."""

    lexicon: Path | None

    @property
    def own_module(self) -> str:
        return __name__

    def load(self) -> None:
        report_words("所見なし", load_lexicon(self.lexicon))

    def read(self, reports: Sequence[ReportText]) -> list[list[ReportWord]]:
        lexicon = load_lexicon(self.lexicon)
        return [report_words(report.text, lexicon) for report in reports]


class TextProcess(Generic[R]):
    """The process starts with the first text, and again after its death; ``end`` it."""

    def __init__(self, reader: TextReader[R]) -> None:
        self._reader = reader
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._deaths = 0
        try:
            self._sent: bytes | None = pickle.dumps(reader)
        except (pickle.PicklingError, AttributeError, TypeError):  # a class inside a function, a lock
            self._sent = None

    def read(self, reports: Sequence[ReportText]) -> R | None:
        """Return what the reader makes of the reports, None if its process ended. What the reader raises is raised
        here."""
        if self._process is None and self._sent is not None and not self._start():
            self._sent = None  # it cannot be loaded there, as one that a script defines
        if self._sent is None:
            return self._reader.read(reports)
        answer = self._ask(reports, BATCH_SECONDS)
        if answer is None:
            self.end()
            self._deaths += 1
            if self._deaths == MAX_DEATHS:
                raise PoolBroken(f"reports cannot be read: {MAX_DEATHS} processes ended one after another")
            return None
        self._deaths = 0
        if answer[1] is not None:
            raise answer[1]
        read: R = answer[0]
        return read

    def _start(self) -> bool:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=True)
        own_main = self._reader.own_module == "__main__"  # then the process has to import it too
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
        """Stop the process; the next text starts another."""
        if self._process is None or self._pipe is None:
            return
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process = self._pipe = None


def _serve(pipe: Connection) -> None:
    """Run the process: receive a reader, then reports until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reader: TextReader[object] | None = None
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        read, error = None, None
        try:
            if reader is None:
                reader = pickle.loads(message)
                reader.load()
            else:
                read = reader.read(message)
        except Exception as exc:  # raised again in the parent
            error = _portable(exc)
        pipe.send((read, error))


def _portable(exc: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(exc))
    except Exception:  # whatever its pickling raises, its name still travels
        return RuntimeError(f"{type(exc).__name__} where texts are read")
    return exc
