"""Losing an answer: close the client's connection at the socket, as a failing network would.

An ASGI application cannot do that (a server turns "no response" into a 500), and a client must not see the difference
between our fault and a real one. The server runs in this process, so the connection is one of our own descriptors.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_DESCRIPTORS = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")


def drop_connection(request: Request) -> Response:
    """Shut the request's connection down both ways. The response returned goes nowhere."""
    client = request.client  # granian gives the port as text
    if client is not None:
        for name in os.listdir(_DESCRIPTORS):
            if _shut_if(int(name), (client.host, int(client.port))):
                break
    return Response(status_code=500)


def _shut_if(descriptor: int, peer: tuple[str, int]) -> bool:
    try:
        copy = os.dup(descriptor)
    except OSError:
        return False  # gone meanwhile
    try:
        duplicate = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return False  # not a socket
    try:
        if duplicate.getpeername()[:2] != peer:
            return False
        duplicate.shutdown(socket.SHUT_RDWR)
        return True
    except OSError:
        return False  # a listening socket has no peer
    finally:
        duplicate.close()
