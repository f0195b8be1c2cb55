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
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, reuse_port=False)
    except (OSError, UnicodeError) as error:
        why = f"{host}:{port} cannot be used: {getattr(error, 'strerror', None) or error}"
        raise DataError(why, "choose another --port, or 0 for any") from error
