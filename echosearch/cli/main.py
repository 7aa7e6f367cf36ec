"""The command line: its commands, and its exit codes.

Exit codes: 0 fine, 1 a user's error, 2 usage, 3 some items failed, 10 a store is unreachable, 11 locked,
130 interrupted, 143 stopped (SIGTERM).
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper

import click

from echosearch import __version__
from echosearch.cli.lazy import LazyGroup

__all__ = ["COMMANDS", "cli", "main"]

# name -> (where it is, what `echosearch --help` says of it); imported when it is used
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("echosearch.cli.demo.command:demo", "Try everything on synthetic hearts whose truth is known."),
    "encoder": ("echosearch.cli.commands.encoder:encoder", "Make, choose, list, check and import encoders."),
    "ingest": ("echosearch.cli.commands.ingest:ingest", "Read a PACS export into the archive."),
    "receive": ("echosearch.cli.commands.sources.receive:receive", "Store what a PACS sends (C-STORE)."),
    "work": ("echosearch.cli.commands.work:work", "Work at a job that an ingest on many machines has begun."),
    "query": ("echosearch.cli.commands.query:query", "Find studies by what a report would say."),
    "similar": ("echosearch.cli.commands.similar:similar", "Find studies that look like a study or a file."),
    "report": ("echosearch.cli.commands.report:report", "Find the reports that fit a study's videos best."),
    "timeline": ("echosearch.cli.commands.timeline:timeline", "Show a patient's studies over time."),
    "changed": (
        "echosearch.cli.commands.changed:changed",
        "Find pairs of a patient's studies whose videos differ in a finding.",
    ),
    "interpret": (
        "echosearch.cli.commands.insight.interpret:interpret",
        "Read findings off a study's videos, as the archive's reports calibrate it.",
    ),
    "disagree": (
        "echosearch.cli.commands.insight.disagree:disagree",
        "Find studies whose report and videos say different things.",
    ),
    "contour": (
        "echosearch.cli.commands.contour.group:contour",
        "Draw the left ventricle's contour on a cine, with ED, ES and EF.",
    ),
    "probe": ("echosearch.cli.commands.insight.probe:probe_group", "Fit probes to labels, and read studies with them."),
    "serve": ("echosearch.cli.serve.command:serve", "Serve the archive to browsers and programs."),
    "user": ("echosearch.cli.commands.access.user:user", "Accounts of the server, projects, tokens."),
    "audit": ("echosearch.cli.commands.access.audit:audit", "Show and verify who saw what; audit the vectors."),
    "facts": ("echosearch.cli.commands.facts:facts", "Read the facts out of a report's text."),
    "cohort": (
        "echosearch.cli.commands.cohort.group:cohort",
        "Save criteria, count, freeze, compare and export their studies.",
    ),
    "understand": ("echosearch.cli.commands.understand:understand", "Show how a query is understood."),
    "reembed": ("echosearch.cli.commands.reembed:reembed", "Embed the archive with another encoder."),
    "train": ("echosearch.cli.commands.train:train", "Train an encoder."),
    "evaluate": ("echosearch.cli.commands.evaluate.command:evaluate", "Score an encoder as the papers do."),
    "phantom": ("echosearch.cli.commands.phantom:phantom", "Make a synthetic archive."),
    "status": ("echosearch.cli.commands.status:status", "Count what the archive holds and what it left out."),
    "opt-out": (
        "echosearch.cli.commands.opt_out:opt_out",
        "Erase patients who have opted out, and refuse what comes of them.",
    ),
    "plan": ("echosearch.cli.commands.sources.plan:plan", "Show what an archive of a given size needs."),
    "verify": ("echosearch.cli.commands.verify:verify", "Compare the index with the database."),
    "preview": ("echosearch.cli.commands.preview:preview", "Make masked previews of cines."),
    "index": ("echosearch.cli.commands.index:index", "Look after the search index."),
}


@click.group("echosearch", cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="echosearch")
def cli() -> None:
    """Search a hospital's echocardiography archive by meaning.

    \b
    echosearch demo
    echosearch encoder use FOLDER
    echosearch ingest /pacs/export --reports reports.csv
    echosearch query --report "重度僧帽弁逆流" --view 4CH

    Where things are is set by ECHOSEARCH_HOME and the other ECHOSEARCH_ variables (docs/cli.md).
    """


def main() -> None:
    """Run the console script: the commands above, with UTF-8 output whatever the locale is."""
    _read_arguments_as_utf8()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it was started with that one closed, as some daemons do
            # in this order, so that each gets its own number, and no file of the archive takes one of them
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a file name need not be valid text: what cannot be shown is escaped, and never ends a command
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    with suppress(OSError, ValueError, AttributeError):  # a stream that is no file, as a test may set it
        # a descriptor of its own: what Python says is not what index/panic.py holds back
        sys.stderr = open(os.dup(sys.stderr.fileno()), "w", 1, "utf-8", "backslashreplace")  # noqa: SIM115
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _told_to_stop)
    cli(prog_name="echosearch")


def _read_arguments_as_utf8() -> None:
    """Start anew in Python's UTF-8 mode where it was turned off and the locale is ASCII: Japanese would be no text."""
    if sys.getfilesystemencoding() == "ascii" and os.environ.get("PYTHONUTF8") != "1":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"PYTHONUTF8": "1"})


def _told_to_stop(number: int, _frame: object) -> None:
    """End as after Ctrl-C, so that workers and PostgreSQL end too; a second SIGTERM does not break into that."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)
