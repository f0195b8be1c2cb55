"""The socket of a server on this machine."""

from __future__ import annotations

import socket

from fakescope.errors import DataError


def listener(host: str, port: int) -> socket.socket:
    """A socket to listen on.

    Raises:
        DataError: The address cannot be used.
    """
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as error:
        why = f"{host}:{port} cannot be used: {error.strerror}"
        raise DataError(why, "choose another --port, or 0 for any") from error
