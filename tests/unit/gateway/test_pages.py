import gzip
import re
from pathlib import Path

import pytest

from stock_analysis.gateway.pages import PAGE_ROUTES, Pages
from tests.unit.gateway.calls import Answer, call, request

SCRIPT = b"console.log('x');" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, body in {
        "index.html": b"<!doctype html><title>app</title>" * 20,
        "assets/index-Ab12.js": SCRIPT,
        "assets/logo-Cd34.png": b"\x89PNG" * 10,
        "favicon.svg": b"<svg/>",
        "docs/index.html": b"<!doctype html><title>docs</title>",
    }.items():
        path = tmp_path / "dist" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (tmp_path / "secret.txt").write_text("of no concern to browsers")
    return tmp_path / "dist"


async def get(folder: Path, path: str, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await call(Pages(folder), request(path, method=method, headers=named))


async def test_a_hashed_asset_is_kept_for_ever(folder: Path) -> None:
    answer = await get(folder, "/assets/index-Ab12.js")
    assert (answer.status, answer.body) == (200, SCRIPT)
    assert answer.header("cache-control") == "public, max-age=31536000, immutable"
    assert answer.header("content-type") == "text/javascript; charset=utf-8"


async def test_text_is_sent_compressed_to_who_can_read_it_and_images_as_they_are(folder: Path) -> None:
    answer = await get(folder, "/assets/index-Ab12.js", accept_encoding="br, gzip")
    assert gzip.decompress(answer.body) == SCRIPT
    assert answer.header("content-encoding") == "gzip"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("vary") == "accept-encoding"
    image = await get(folder, "/assets/logo-Cd34.png", accept_encoding="gzip")
    assert image.header("content-encoding") is None


async def test_the_two_encodings_have_different_etags(folder: Path) -> None:
    plain = await get(folder, "/favicon.svg")
    packed = await get(folder, "/favicon.svg", accept_encoding="gzip")
    assert plain.header("etag") != packed.header("etag")


@pytest.mark.parametrize("path", ["/", "/index.html", "/operations", "/operations/"])
async def test_the_paths_of_the_application_are_the_application(folder: Path, path: str) -> None:
    answer = await get(folder, path)
    assert answer.status == 200
    assert b"<title>app" in answer.body
    assert answer.header("cache-control") == "no-cache"


UNKNOWN = ["/nowhere", "/stocks/BRK.B", "/a/b/c", "/operations/x", "/.env", "/index.php", "/../secret.txt"]


@pytest.mark.parametrize("path", UNKNOWN)
async def test_an_unknown_path_is_not_found(folder: Path, path: str) -> None:
    answer = await get(folder, path)
    assert (answer.status, answer.header("content-type")) == (404, "application/problem+json")


@pytest.mark.parametrize("path", UNKNOWN)
async def test_a_browser_is_told_by_the_application_that_a_path_is_unknown(folder: Path, path: str) -> None:
    etag = (await get(folder, "/")).header("etag") or ""
    answer = await get(folder, path, accept="text/html,*/*;q=0.8", if_none_match=etag)
    assert answer.status == 404
    assert b"<title>app" in answer.body


def test_the_paths_are_those_that_the_application_shows() -> None:
    source = (Path(__file__).parents[3] / "frontend" / "src" / "app" / "App.tsx").read_text()
    page = source.partition("function Page(")[2].partition("\n}")[0]
    assert set(re.findall(r"path === '([^']+)'", page)) == PAGE_ROUTES


async def test_an_asset_of_another_version_is_missing_rather_than_the_application(folder: Path) -> None:
    answer = await get(folder, "/assets/index-Zz99.js")
    assert answer.status == 404
    assert answer.header("content-type") == "application/problem+json"


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
async def test_docs_is_its_own_page(folder: Path, path: str) -> None:
    assert b"<title>docs" in (await get(folder, path)).body


@pytest.mark.parametrize("tags", ["{etag}", "W/{etag}", '"other", {etag}', "*"])
async def test_an_unchanged_file_is_not_sent_again(folder: Path, tags: str) -> None:
    etag = (await get(folder, "/")).header("etag")
    answer = await get(folder, "/", if_none_match=tags.format(etag=etag))
    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("etag") == etag
    assert answer.header("content-length") is None


async def test_a_changed_file_is_sent(folder: Path) -> None:
    assert (await get(folder, "/", if_none_match='"other"')).status == 200


async def test_head_has_the_headers_of_get_and_no_body(folder: Path) -> None:
    head, whole = await get(folder, "/", "HEAD"), await get(folder, "/")
    assert head.headers == whole.headers
    assert head.body == b""


async def test_pages_are_only_read(folder: Path) -> None:
    answer = await get(folder, "/", "POST")
    assert answer.status == 405
    assert answer.header("allow") == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/assets/../../secret.txt", "/..%2fsecret.txt", "//secret.txt"]
)
async def test_nothing_outside_the_folder_is_served(folder: Path, path: str) -> None:
    assert b"of no concern" not in (await get(folder, path)).body


async def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    answer = await get(tmp_path / "missing", "/")
    assert answer.status == 503
    assert b"npm run build" in answer.body
    assert (answer.header("content-type") or "").startswith("text/html")


@pytest.mark.parametrize("refusal", ["gzip;q=0", "br, gzip; q=0.0", "not-gzip"])
async def test_who_refuses_gzip_gets_the_file_as_it_is(folder: Path, refusal: str) -> None:
    answer = await get(folder, "/assets/index-Ab12.js", accept_encoding=refusal)
    assert answer.header("content-encoding") is None
    assert answer.body == SCRIPT
