"""The archive that `echosearch serve --demo` shows: synthetic hearts, made once under the home."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from echosearch.archive import Archive
from echosearch.cli.demo.steps import alone, show_command
from echosearch.cli.output import say

__all__ = ["ACCOUNT", "add_demo_account", "demo_home"]

ACCOUNT = "demo"
PATIENTS, SEED = 12, 21


def demo_home(home: Path) -> Path:
    """Return the home of the demo's archive; the first time its hearts are drawn and ingested, which takes minutes."""
    folder = home / "demo"
    if (folder / "ready").exists():
        return folder / "home"
    shutil.rmtree(folder, ignore_errors=True)  # one that was interrupted
    folder.mkdir(parents=True, mode=0o755)
    say("SYNTHETIC: no patient is in this. The hearts are drawn by echosearch.phantom.")
    say("Its archive is made once, which takes minutes; a later start takes seconds.")
    cores = str(min(os.cpu_count() or 1, 8))
    with alone(folder / "home"):
        drawn = ["--patients", str(PATIENTS), "--seed", str(SEED), "--workers", cores]
        show_command(folder, ["phantom", "write", "phantom", *drawn])
        show_command(folder, ["encoder", "use", "phantom-tiny"])
        show_command(folder, ["encoder", "use", "phantom-views"])
        show_command(folder, ["ingest", "phantom/DICOM", "--reports", "phantom/reports.csv"])
    (folder / "ready").touch()
    return folder / "home"


def add_demo_account(archive: Archive) -> None:
    """Make sure that the account of the one-time link is there: a clinician without a password."""
    from echosearch.db.access.accounts import add_account
    from echosearch.db.access.viewer import Role

    with archive.engine.begin() as connection:
        add_account(connection, ACCOUNT, Role.CLINICIAN, None, None)
