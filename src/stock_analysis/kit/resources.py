"""Where the files that come with the program are: in the wheel, else in the checkout."""

from pathlib import Path

_PACKAGED = Path(__file__).parent.parent / "_resources"
_CHECKOUT = Path(__file__).parents[3]
_IN_CHECKOUT = {"frontend": "frontend/dist"}


def resource(name: str) -> Path:
    """The folder of this name: migrations, sample_data or frontend. It may be missing."""
    packaged = _PACKAGED / name
    return packaged if packaged.is_dir() else _CHECKOUT / _IN_CHECKOUT.get(name, name)
