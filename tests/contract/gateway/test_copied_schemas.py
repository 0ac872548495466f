"""Services import nothing of one another: what the gateway repeats of a service must stay what it is."""

from typing import Any

import pytest
from pydantic import BaseModel

from stock_analysis.gateway import schemas as gateway
from stock_analysis.stock import schemas as stock

_WORDS = {"title", "description"}


def shape(value: Any) -> Any:
    """A schema without its words."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items() if key not in _WORDS or isinstance(one, dict)}
    return [shape(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        (gateway.DatabaseUse, stock.DatabaseFacts),
        (gateway.CacheUse, stock.CacheFacts),
        (gateway.LastImport, stock.ImportFacts),
    ],
)
def test_what_the_gateway_repeats_of_the_stock_service_is_the_same_there(
    copy: type[BaseModel], original: type[BaseModel]
) -> None:
    assert shape(copy.model_json_schema()) == shape(original.model_json_schema())


def test_operations_takes_over_all_figures_of_the_stock_service() -> None:
    assert set(stock.DataFacts.model_fields) <= set(gateway.Operations.model_fields)
