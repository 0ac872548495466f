"""The errors of the kit: one root, whose message is one readable line or more."""


class KitError(Exception):
    """The process cannot do its work as it was started."""
