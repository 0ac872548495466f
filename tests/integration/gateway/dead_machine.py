"""Run as a program: what a request over an open connection meets when the service's machine has gone.

In a network of its own, whose only interface is put down: nothing is acknowledged, and nothing refused.
"""

import asyncio
import ctypes
import errno
import fcntl
import socket
import struct
import sys

import aiohttp

from stock_analysis.gateway.upstream import open_http_upstream
from stock_analysis.kit.settings import Settings

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
PORT = 8001
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def put_interface(flags: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline() not in (b"\r\n", b""):
        pass
    writer.write(ANSWER)
    await writer.drain()


async def main() -> None:
    put_interface(IFF_UP)
    await asyncio.start_server(serve, "127.0.0.1", PORT)
    url = f"http://127.0.0.1:{PORT}"
    # The service may take far longer than a dead machine's connection holds.
    settings = Settings.model_validate({"upstream_timeout_s": 60})
    async with open_http_upstream("stock", url, settings) as upstream:
        session = upstream._session  # one request alone, which nobody tries again
        async with session.post(url) as answer:
            assert await answer.read() == b"ok"
        put_interface(0)
        try:
            async with session.post(url):
                sys.stdout.write("answered")
        except aiohttp.ClientOSError as error:
            sys.stdout.write(errno.errorcode.get(error.errno or 0, f"{error!r}"))
        except TimeoutError as error:
            sys.stdout.write(f"{error!r}")


if __name__ == "__main__":
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        sys.stdout.write(errno.errorcode[ctypes.get_errno()])
    else:
        asyncio.run(main())
