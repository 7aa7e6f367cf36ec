"""echosearch receive: a C-STORE receiver."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echosearch.cli.commands.sources.arriving import LOG_JSON, METRICS, Log, stopped_by_signal
from echosearch.cli.output import note, say, say_json
from echosearch.cli.path_type import as_path

if TYPE_CHECKING:
    from ingest.sources.receiver import Received

__all__ = ["receive"]


@click.command(short_help="Store what a PACS sends (C-STORE).")
@click.option("--to", "inbox", type=as_path, required=True, metavar="INBOX", help="The folder that is filled.")
@click.option("--port", type=click.IntRange(0, 65535), default=11112, show_default=True, help="Listen here.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen on this address; 0.0.0.0 is all.")
@click.option("--aet", default="ECHOSEARCH", show_default=True, metavar="TITLE", help="The receiver's own AE title.")
@click.option(
    "--from", "senders", multiple=True, required=True, metavar="TITLE", help="An AE title that may send; repeat it."
)
@METRICS
@LOG_JSON
@click.option("--json", "as_json", is_flag=True, help="What was received, as JSON, at the end.")
def receive(
    inbox: Path,
    port: int,
    host: str,
    aet: str,
    senders: Sequence[str],
    metrics: str | None,
    log_json: bool,
    as_json: bool,
) -> None:
    """Store what PACS and machines send, in INBOX, until Ctrl-C or SIGTERM.

    An object is acknowledged when it is on the disk, under a name that says nothing of a patient. Nothing is read in
    it: `echosearch ingest INBOX --watch` does that, in confined workers. DICOM has no password, and this no TLS: let a
    firewall allow the senders alone.

    \b
    echosearch receive --to /pacs/inbox --from PACS1
    echosearch receive --to /pacs/inbox --from PACS1 --from VIVID7 --host 0.0.0.0 --port 11112 --aet ECHOSEARCH
    """
    from ingest.sources.inbox import ObjectFolder
    from ingest.sources.metrics import Metrics, serving
    from ingest.sources.receiver import Receiver

    log, shown = Log(log_json), Metrics()

    def noted(received: Received) -> None:
        shown.stored, shown.stored_bytes = received.stored, received.bytes
        shown.refused = dict(received.refused)
        log.sometimes("receiving", stored=received.stored, refused=sum(received.refused.values()))

    with (
        stopped_by_signal() as stopping,
        serving(metrics, shown),
        Receiver(ObjectFolder(inbox), aet, senders, host, port, noted) as receiver,
    ):
        note(f"{aet} listens on {host}:{receiver.port} for {', '.join(senders)}")
        log.event("listening", port=receiver.port)
        while not stopping.wait(1.0):
            pass
    found = receiver.received
    log.event("stopped", stored=found.stored, again=found.again, refused=sum(found.refused.values()))
    if as_json:
        say_json({"stored": found.stored, "again": found.again, "bytes": found.bytes, "refused": dict(found.refused)})
        return
    say(f"{found.stored} objects stored, {found.again} were here, {sum(found.refused.values())} refused")
    for reason, count in found.refused.items():
        say(f"  {count:7d}  {reason}")
