"""A client of `echosearch serve`, which needs httpx alone: no torch, no archive on this machine.

from echosearch.client import connect

archive = connect("https://echo.example", token)
hits = archive.search("重度僧帽弁逆流", where="age >= 65")
frame = hits.to_pandas()
"""

from echosearch.client.connection import Connection, ServerProblem, connect
from echosearch.client.hits import RemoteHits

__all__ = ["Connection", "RemoteHits", "ServerProblem", "connect"]
