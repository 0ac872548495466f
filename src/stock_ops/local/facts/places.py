"""Where storage and key of an instance lie by default: chosen once, and kept when the folder moves."""

from dataclasses import replace

from stock_ops.kit.backup_settings import Places, read_recipient, remembered_places
from stock_ops.kit.errors import OpsError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.part import read_part_memory
from stock_ops.storage.facts.keys import find_fitting_key


def places_to_keep(layout: Layout) -> Places | None:
    """What the next start writes down; None where it is written, or makes no sense.

    A folder of an earlier release may have moved before: then it is the storage that its part `backup` wrote
    to last, and the key that fits its public key.
    """
    if layout.backup_places.exists():
        return None
    try:
        places, recipient = remembered_places(layout), read_recipient(layout)
    except (OSError, OpsError):
        return None
    if storage := read_part_memory(layout).storage:
        places = replace(places, storage=storage)
    if not places.key_file.exists() and (key := find_fitting_key(places.key_file.parent, recipient)):
        places = replace(places, key_file=key)
    return places
