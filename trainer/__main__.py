"""torchrun --nproc-per-node 8 -m trainer config.toml [--set key=value]: as `echosearch train`, on many GPUs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from echosearch.errors import EchosearchError
from trainer.config_file import load
from trainer.progress import say, say_clips, say_moment
from trainer.run import train

__all__ = ["main"]


def main() -> int:
    """Exit code 0 at the run's end, 1 for a user's error, 3 if it was stopped before its end, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    given = parser.parse_args()
    try:
        outcome = train(load(given.config, given.settings), clips_done=say_clips, progress=say_moment, note=say)
    except EchosearchError as exc:
        say(str(exc))
        return exc.exit_code
    except OSError as exc:
        say(f"{exc.filename or 'a file'}: {exc.strerror or type(exc).__name__}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if outcome.finished else 3


if __name__ == "__main__":
    sys.exit(main())
