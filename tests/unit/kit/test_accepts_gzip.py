import pytest

from stock_analysis.kit.http import accepts_gzip


@pytest.mark.parametrize(
    "value",
    [
        "gzip, deflate, br, zstd",
        "GZIP",
        "x-gzip",
        "br;q=1.0, gzip;q=0.8, *;q=0.1",
        "gzip;q=0.001",
        "gzip ; Q=1.000",
        "*",
        "br, *;q=0.5",
        "*;q=0, gzip",
    ],
)
def test_gzip_goes_to_who_takes_it(value: str) -> None:
    assert accepts_gzip(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip; q=0.000",
        "deflate, gzip;q=0, *",
        "*;q=0",
        "br, *;q=0.0",
        "notgzip",
        "gzipped",
        "br;x=gzip",
        "gzip;q=2",
        "gzip;q=no",
        "gzip;q=",
        ",;,",
    ],
)
def test_gzip_goes_to_nobody_else(value: str) -> None:
    assert not accepts_gzip(value)
