"""Worker processes with resource limits, for untrusted files: the pool and the tasks that it runs."""

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
