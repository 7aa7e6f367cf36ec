"""echosearch serve: the archive in a browser, and its API."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click

from echosearch.archive import open_archive
from echosearch.cli.output import note
from echosearch.cli.path_type import as_path
from echosearch.memory import share_arenas
from echosearch.settings import Settings, load_settings

__all__ = ["serve"]

ARENAS = 4  # two searches run at one time, and pages beside them


@click.command(short_help="Serve the archive to browsers and programs.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port.")
@click.option(
    "--host-name", "names", multiple=True, metavar="NAME", help="A name that browsers ask for; may be given again."
)
@click.option("--tls-cert", type=as_path, metavar="FILE", help="The certificate, PEM.")
@click.option("--tls-key", type=as_path, metavar="FILE", help="Its key, PEM.")
@click.option("--behind-proxy", is_flag=True, help="A proxy on this machine does TLS.")
@click.option("--metrics", metavar="HOST:PORT", help="Show metrics there, for Prometheus, such as 127.0.0.1:9465.")
@click.option("--demo", is_flag=True, help="Serve an archive of synthetic hearts, which is made the first time.")
def serve(
    host: str,
    port: int,
    names: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
    metrics: str | None,
    demo: bool,
) -> None:
    """Serve the archive: pages for a browser, and the API under /api/v1 (docs/serve.md).

    On this machine alone unless --host says otherwise; then it needs TLS and an admin. The first start prints a
    one-time link that makes the admin. It stops on Ctrl-C or SIGTERM.

    \b
    echosearch serve
    echosearch serve --demo
    echosearch serve --host 0.0.0.0 --host-name echo.example --tls-cert cert.pem --tls-key key.pem
    echosearch serve --host 0.0.0.0 --host-name echo.example --behind-proxy
    """
    for library in ("OMP", "OPENBLAS"):  # before numpy and torch are imported: a search takes one core,
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")  # and threads over small matrices wait for one another
    share_arenas(ARENAS)
    from echosearch.access.trail import HEAD_LOG
    from echosearch.cli.beside.answering import Answering
    from echosearch.web.guard import ACCESS_LOG
    from echosearch.web.running import Listening, check_address, open_port, open_serving, run
    from ingest.sources.metrics import serving as show_metrics

    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    for name in (ACCESS_LOG, HEAD_LOG):
        logging.getLogger(name).setLevel(logging.INFO)
    listening = Listening(host, port, names, tls_cert, tls_key, behind_proxy, demo)
    check_address(listening)
    settings = load_settings()
    if demo:
        from echosearch.cli.serve.demo_archive import add_demo_account, demo_home

        settings = Settings(home=demo_home(settings.home), workers=settings.workers)
    with open_archive(settings) as archive:
        if demo:
            add_demo_account(archive)
        serving = open_serving(archive, listening)
        port_open = open_port(listening)
        with show_metrics(metrics, serving.counts), Answering(serving):
            if serving.setup is not None:
                note(f"no admin yet: open {listening.url}/setup/{serving.setup} once to make one")
            if serving.demo_link is not None:
                note(f"the demo: open {listening.url}/demo/{serving.demo_link} (once; start again for another link)")
            note(f"serving on {listening.url}; Ctrl-C stops it")
            run(serving, listening, port_open)
