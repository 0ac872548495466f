"""The part `backup` in a container: what `stockops up` prepares elsewhere, it prepares itself."""

import asyncio
import contextlib

from stock_ops.archive.facts.server import read_address
from stock_ops.archive.runners.threads import in_thread
from stock_ops.kit.container import in_container
from stock_ops.kit.errors import PartError
from stock_ops.kit.files import make_folder, write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.facts.instance import read_text
from stock_ops.local.plans.settings import passfile_text

_LOOK_S = 5.0


def prepare_in_container(layout: Layout) -> None:
    """The folders in its volume, and the password as PostgreSQL's own programs read it."""
    if not in_container():
        return
    for folder in (layout.spool, layout.manifests, layout.drills):
        make_folder(NewFolder(folder, 0o700))
    write_password(layout)


def write_password(layout: Layout) -> None:
    """The password of now, where the file has another. Raises PartError."""
    address = read_address(layout)
    text = passfile_text(address.port, address.password, address.host)
    if read_text(layout.passfile) != text:
        write_whole(NewFile(layout.passfile, text))


async def keep_password(layout: Layout) -> None:
    """Follow the secret that the container was given, until cancelled: it may be changed while this runs."""
    while True:
        await asyncio.sleep(_LOOK_S)
        if in_container():
            with contextlib.suppress(PartError):  # while the file is being replaced; the next look finds it
                await in_thread(lambda: write_password(layout))
