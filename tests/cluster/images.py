"""Versions of the platform's image that differ in name and migrations alone."""

import tempfile
from pathlib import Path

from tests.containers.images import Image
from tests.containers.podman import run
from tools.container_parts import ROOT


def image_of(image: Image) -> dict[str, str]:
    """As the chart's values have it."""
    repository, _, tag = image.name.rpartition(":")
    return {"repository": repository, "tag": tag}


def next_migration() -> int:
    """Number of the first that this version does not have."""
    return max(int(path.name[:4]) for path in (ROOT / "migrations").glob("[0-9]*.sql")) + 1


def derived(image: Image, tag: str, migrations: dict[str, str]) -> Image:
    """The platform's image with more migrations, under another tag and of another identity."""
    folder = image.sh("dirname $(python -c 'import stock_analysis; print(stock_analysis.__file__)')").strip()
    name = f"{image.name.rpartition(':')[0]}:{tag}"
    container = run("buildah", "from", "--pull-never", image.name).stdout.strip()
    try:
        run("buildah", "config", "--label", f"test={tag}", container)
        with tempfile.TemporaryDirectory() as made:
            for file, text in migrations.items():
                path = Path(made, file)
                path.write_text(text)
                path.chmod(0o644)
                run("buildah", "copy", "-q", container, path, f"{folder}/_resources/migrations/{file}")
        run("buildah", "commit", "-q", container, name)
    finally:
        run("buildah", "rm", container)
    return Image(name)
