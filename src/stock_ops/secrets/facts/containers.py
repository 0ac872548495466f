"""Where a secret could have leaked to in containers: images, the containers' settings, their output."""

import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO

from stock_ops.kit.errors import PartError
from stock_ops.secrets.facts.search import Place
from stock_ops.secrets.facts.stack import Project

_PIECE_BYTES = 2**20


def stack_places(project: Project, images: Sequence[str]) -> Iterator[Place]:
    """What inspection and log of each container tell, and what each of their images holds."""
    names = dict.fromkeys(images)
    for one in project.containers():
        name = one["Name"].lstrip("/")
        names[one.get("ImageName") or one["Config"]["Image"]] = None
        yield Place("container", f"inspection of {name}", partial(_output, project, "inspect", one["Id"]))
        yield Place("compose output", f"log of {name}", partial(_log, project, one["Id"]), has_lines=True)
    yield from image_places(project, list(names))


def image_places(project: Project, images: Sequence[str]) -> Iterator[Place]:
    """Configuration, history, and every file of every layer."""
    for one in images:
        yield Place("image", f"configuration of {one}", partial(_output, project, "image", "inspect", one))
        yield Place("image", f"history of {one}", partial(_output, project, "history", "--no-trunc", one))
        yield from layer_places(project.program, one)


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


def _output(project: Project, *words: str) -> Iterator[bytes]:
    try:
        yield project.ask(*words).encode()
    except PartError as error:
        raise OSError(error.why) from error


def _log(project: Project, container: str) -> Iterator[bytes]:
    """Both of its streams, without reading all of it at once."""
    command = [project.program, "logs", container]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as telling:
        assert telling.stdout is not None  # noqa: S101 - it is a pipe
        yield from _pieces(telling.stdout)
    if telling.returncode != 0:
        raise OSError(f"{project.program} cannot read the log of {container}")
