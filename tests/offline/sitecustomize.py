"""Python reads this when it starts: no Python process of a test reaches another machine."""

import socket

HERE = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "", None, socket.gethostname()}
_connect, _connect_ex, _find = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def _check(host):
    if host not in HERE:
        raise OSError(f"a test asked for {host!r}; nothing may leave this machine")


def _refuse(connect):
    def refuse(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _check(address[0])
        return connect(self, address)

    return refuse


def _find_here(host, *arguments, **options):
    _check(host.decode() if isinstance(host, bytes) else host)
    return _find(host, *arguments, **options)


socket.socket.connect = _refuse(_connect)
socket.socket.connect_ex = _refuse(_connect_ex)
socket.getaddrinfo = _find_here
