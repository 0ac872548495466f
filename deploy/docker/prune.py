"""Take out of a virtual environment what never runs in a container: python3 prune.py FOLDER [--without A,B].

Tests, sources and headers of compiled packages, activation scripts, and the parts of pyarrow that reach over
networks; the platform reads CSV and Parquet files only. --without names packages and commands to leave out.
The bytecode of what stays is compiled here, because the root file system is read-only later; it is checked by
nobody at run time, so that it holds no time of its making.
"""

import compileall
import py_compile
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

NEVER_RUN = (
    *("*/tests", "*/*/tests", "*/*/*/tests", "*/conftest.py"),
    *("pyarrow/include", "numpy/_core/include", "numpy/f2py", "numpy/random/lib"),
)
PYARROW = (
    "flight",
    "python_flight",
    "s3",
    "s3fs",
    "gcsfs",
    "azurefs",
    "hdfs",
    "orc",
    "dataset_orc",
)
SUFFIXES = {".c", ".h", ".hpp", ".cpp", ".pyx", ".pxd", ".pxi", ".pyi", ".a"}
ACTIVATION = ("activate*", "Activate.ps1")


def main(folder: Path, without: list[str]) -> None:
    """Prune the virtual environment in the folder, and compile what is left."""
    (packages,) = folder.glob("lib/python3*/site-packages")
    doomed = [*_matching(packages, NEVER_RUN), *_matching(folder / "bin", ACTIVATION)]
    doomed += [packages / name for name in without] + [folder / "bin" / name for name in without]
    for name in PYARROW:
        doomed += _matching(packages / "pyarrow", (f"libarrow_{name}.so*", f"_{name}.*.so"))
    doomed += [file for file in packages.rglob("*") if file.suffix in SUFFIXES]
    for one in doomed:
        _remove(one)
    _link_twins(packages)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    made = compileall.compile_dir(
        packages, quiet=1, force=True, invalidation_mode=mode, stripdir=str(_root(folder)), workers=1
    )
    if not made:
        sys.exit(f"some of {packages} cannot be compiled")


def _root(folder: Path) -> Path:
    """What is before /opt: nothing of where it was built stays in the bytecode."""
    return folder.parents[1]


def _matching(folder: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    return (path for pattern in patterns for path in folder.glob(pattern))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link_twins(packages: Path) -> None:
    """pyarrow carries the same library under up to three names; a wheel knows no links."""
    first: dict[bytes, Path] = {}
    for library in sorted((packages / "pyarrow").glob("lib*.so*")):
        kept = first.setdefault(library.read_bytes(), library)
        if kept != library:
            library.unlink()
            library.symlink_to(kept.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[3].split(",") if sys.argv[2:3] == ["--without"] else [])
