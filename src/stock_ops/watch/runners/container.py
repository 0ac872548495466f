"""The part `backup` in a container: what `stockops up` prepares elsewhere, it prepares itself."""

from stock_ops.archive.facts.server import read_address
from stock_ops.kit.container import in_container
from stock_ops.kit.files import make_folder, write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.plans.settings import passfile_text


def prepare_in_container(layout: Layout) -> None:
    """The folders in its volume, and the password as PostgreSQL's own programs read it."""
    if not in_container():
        return
    for folder in (layout.spool, layout.manifests, layout.drills):
        make_folder(NewFolder(folder, 0o700))
    address = read_address(layout)
    text = passfile_text(address.port, address.password, address.host)
    write_whole(NewFile(layout.passfile, text))
