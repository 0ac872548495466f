"""The sample data that comes with the program."""

from collections.abc import Callable

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions
from stock_analysis.ingest.folder import import_path
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.rows import Imported, Report
from stock_analysis.ingest.service import ImportService
from stock_analysis.kit.resources import resource


async def import_sample(
    service: ImportService, on_report: Callable[[Report], None] = lambda _: None
) -> Imported:
    """Import the sample data by the way of every import; what is done is left out."""
    folder = resource("sample_data")
    if not folder.is_dir():
        raise InvalidInputError(f"the sample data is missing: {folder}")
    return await import_path(service, folder, FileOptions(), Listing(), skip_done=True, on_report=on_report)
