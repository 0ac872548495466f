"""What `import` is given: a file, or a folder with instruments, bars and actions in this order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions, fingerprint, open_rows
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.listings import read_actions, read_instruments
from stock_analysis.ingest.preview import Preview
from stock_analysis.ingest.rows import Imported, Report
from stock_analysis.ingest.service import ImportService

PREVIEW_ROWS = 10
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt", ".txt.gz", ".parquet", ".pq")


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of one import."""

    instruments: list[Path] = field(default_factory=list)
    actions: list[Path] = field(default_factory=list)
    bars: list[Path] = field(default_factory=list)


def look_into(path: Path) -> Contents:
    """Sort out the files of a folder by their names; a file alone is bars unless its name says otherwise.

    Raises InvalidInputError if there is nothing to import.
    """
    if not path.exists():
        raise InvalidInputError(f"{path}: no such file or folder")
    contents = Contents()
    for file in _files(path):
        stem = file.name.split(".")[0].lower()
        getattr(contents, stem if stem in {"instruments", "actions"} else "bars").append(file)
    if not (contents.instruments or contents.actions or contents.bars):
        raise InvalidInputError(f"{path} holds no file that ends in {', '.join(SUFFIXES)}")
    return contents


async def import_path(
    service: ImportService,
    path: Path,
    options: FileOptions,
    listing: Listing,
    *,
    skip_done: bool = False,
    on_report: Callable[[Report], None] = lambda _: None,
) -> Imported:
    """Import a file, or all files of a folder that can be read.

    skip_done: leave out files of actions and bars that were imported to their end before.
    Raises InvalidInputError for instruments that cannot be read, or a file that was named by itself.
    """
    contents = look_into(path)
    imported = Imported()
    for file in contents.instruments:
        imported.instruments += await service.put_instruments(read_instruments(file))
    for file in [*contents.bars, *contents.actions]:
        if skip_done and await service.is_done(fingerprint(file, options)):
            continue
        try:
            report = await _import_file(service, file, options, listing, is_actions=file in contents.actions)
        except InvalidInputError as error:
            if file == path:
                raise
            imported.unreadable.append(str(error))
        else:
            imported.reports.append(report)
            on_report(report)
    return imported


async def preview_path(
    service: ImportService, path: Path, options: FileOptions, listing: Listing
) -> list[Preview]:
    """How the files of bars of a path would be read. Raises InvalidInputError."""
    short = replace(options, batch_rows=PREVIEW_ROWS)
    files = look_into(path).bars
    return [await service.preview(open_rows(file, short), listing, PREVIEW_ROWS) for file in files]


async def _import_file(
    service: ImportService, file: Path, options: FileOptions, listing: Listing, *, is_actions: bool
) -> Report:
    if is_actions:
        return await service.import_actions(file.name, *read_actions(file))
    return await service.import_rows(open_rows(file, options), listing)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.iterdir()):
        if file.is_file() and not file.name.startswith(".") and file.name.lower().endswith(SUFFIXES):
            yield file
