"""Worker processes for files that nobody vouches for: a pool with limits, and what it is given to do."""

from echosearch.workers.jobs import PoolBroken, TimedOut, WorkerDied
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import Clips, ClipTask, InspectTask, inspect, load_clip, load_clips

__all__ = [
    "ClipTask",
    "Clips",
    "DecodePool",
    "InspectTask",
    "PoolBroken",
    "TimedOut",
    "WorkerDied",
    "inspect",
    "load_clip",
    "load_clips",
]
