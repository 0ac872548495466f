"""smoke.py URL: what a newcomer would try first, at the gateway. Exit code 1 and the reason if it fails."""

import sys
from urllib.error import HTTPError
from urllib.request import urlopen

EXPECTED = {
    "/readyz": (200, '"ready"'),
    "/": (200, "<!doctype html>"),
    "/api/v1/stocks?query=A": (401, "API key"),
}


def ask(url: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - the address is the release's own
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def main(url: str) -> int:
    """Say each answer, and what was wanted instead."""
    failed = 0
    for path, (status, text) in EXPECTED.items():
        found, body = ask(url + path)
        good = found == status and text in body
        failed += not good
        wanted = "" if good else f", wanted {status} with {text!r}: {body[:200]}"
        sys.stdout.write(f"{'ok' if good else 'FAILED'} {path}: {found}{wanted}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
