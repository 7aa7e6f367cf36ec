"""A click group that imports its commands on use, by strings: help answers at once, without torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from echosearch.cli.output import note, say
from echosearch.errors import EchosearchError, FileRefused
from echosearch.memory import is_lack_of_memory, memory_advice
from echosearch.reading.reason_text import MEANING

__all__ = ["INTERRUPTED", "LazyGroup"]

USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class LazyGroup(click.Group):
    """``commands`` maps a name to ("module:attribute", one line of help)."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:  # its help is what is wanted, and not in one line as an error
            for line in ctx.get_help().splitlines():
                say(line, err=True)
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)  # in the order of a user's day, not of the alphabet

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # here, where a reader that has left can still be answered quietly
            return result
        except EchosearchError as exc:
            raise _Refused(exc) from exc
        except BrokenPipeError:  # whoever read the output, head or less, has seen enough
            _drop_output()
            return 0

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run as click's ``main``, but an interrupt ends quietly with 130 and every error is one line."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.Abort:  # a RuntimeError: before those
            sys.exit(INTERRUPTED)
        except click.ClickException as exc:
            _say(exc)
            sys.exit(exc.exit_code)
        except (MemoryError, ImportError, RuntimeError) as exc:
            if not is_lack_of_memory(exc):
                raise
            _say(click.ClickException(f"not enough memory: {memory_advice()}"))
            sys.exit(1)
        except OSError as exc:  # a full disk, a folder that may not be written
            _drop_output()
            if is_lack_of_memory(exc):
                _say(click.ClickException(f"not enough memory: {memory_advice()}"))
                sys.exit(1)
            exc = _first_cause(exc)
            file = exc.filename if exc.filename2 is None else exc.filename2  # of two, what was written to
            where = f": {file}" if file is not None else ", while the output or a file was written or read"
            _say(click.ClickException(f"{exc.strerror or type(exc).__name__}{where}"))
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


def _first_cause(exc: OSError) -> OSError:
    """Return the system's own error where a library has raised another one of it, which has no number and no words."""
    while exc.errno is None and isinstance(exc.__cause__, OSError):
        exc = exc.__cause__
    return exc


def _drop_output() -> None:
    """What could not be written is not tried again by the interpreter's own last flush."""
    with suppress(OSError, ValueError):  # a stream of a test has no number
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Refused(click.ClickException):
    """One of our errors on its way to the terminal."""

    def __init__(self, error: EchosearchError) -> None:
        told = str(error)
        if isinstance(error, FileRefused):
            told = f"this file cannot be searched by: {told} ({MEANING[error.outcome.reason]})"
        super().__init__(told)
        self.exit_code = error.exit_code  # type: ignore[misc]  # a ClassVar only in click's own typing


def _say(error: click.ClickException) -> None:
    line = " ".join(error.format_message().split())  # whatever a library put in
    if isinstance(error, click.UsageError) and error.ctx is not None:
        line = f"{line.rstrip('.')}; see {error.ctx.command_path} --help"
    note(line)
