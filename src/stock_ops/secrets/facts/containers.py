"""Where a secret could have leaked to in containers: images, the containers' settings, their output."""

import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO

from stock_ops.secrets.facts.search import Place

_PIECE_BYTES = 2**20


def container_places(program: str, containers: Sequence[str]) -> Iterator[Place]:
    """What inspection and logs of each container tell. program: docker or podman."""
    for one in containers:
        yield Place("container", f"inspection of {one}", partial(output, program, "inspect", one))
        yield Place("compose output", f"log of {one}", partial(output, program, "logs", one), has_lines=True)


def image_places(program: str, images: Sequence[str]) -> Iterator[Place]:
    """Configuration, history, and every file of every layer."""
    for one in images:
        yield Place("image", f"configuration of {one}", partial(output, program, "image", "inspect", one))
        yield Place("image", f"history of {one}", partial(output, program, "history", "--no-trunc", one))
        yield from layer_places(program, one)


def layer_places(program: str, image: str) -> Iterator[Place]:
    """The files of an image, one after the other: each has to be read before the next is asked for."""
    command = [program, "save", image]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as saving:
        assert saving.stdout is not None  # noqa: S101 - it is a pipe
        with tarfile.open(fileobj=saving.stdout, mode="r|") as archive:
            for member in archive:
                layer = archive.extractfile(member) if member.isfile() else None
                if layer is not None and member.name.endswith(".tar"):
                    yield from _files(image, layer)
        while saving.stdout.read(_PIECE_BYTES):
            pass
    if saving.returncode != 0:
        raise OSError(f"{program} cannot save {image}")


def _files(image: str, layer: IO[bytes]) -> Iterator[Place]:
    with tarfile.open(fileobj=layer, mode="r|*") as files:
        for one in files:
            content = files.extractfile(one) if one.isfile() else None
            if content is not None:
                yield Place("image", f"/{one.name} in a layer of {image}", partial(_pieces, content))


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(_PIECE_BYTES):
        yield piece


def output(*command: str) -> Iterator[bytes]:
    """What a command prints, its errors, too."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command[:3])} ended with {done.returncode}")
    yield done.stdout
