"""The health check of a container: `python -m stock_analysis.kit.probe`, which needs no curl.

It asks the process that wrote STOCK_SERVING_FILE whether it is ready, whatever its target and port. It is run
every few seconds, so that it loads little but the standard library.
"""

import http.client
import os
import sys
from pathlib import Path

from stock_analysis.kit.errors import KitError

VARIABLE = "STOCK_SERVING_FILE"
TIMEOUT_S = 4.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on


class NotReadyError(KitError):
    """The process does not do its work; the message says why."""


def probe(serving_file: Path) -> None:
    """Ask /readyz at the address in the file. Raises NotReadyError."""
    try:
        host, port, _ = serving_file.read_text().split()
    except FileNotFoundError as error:
        raise NotReadyError(f"nothing serves yet: there is no {serving_file}") from error
    except (OSError, ValueError) as error:
        raise NotReadyError(f"{serving_file} holds no address: {error}") from error
    connection = http.client.HTTPConnection(_ANY.get(host, host), int(port), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise NotReadyError(f"no answer from port {port}: {error}") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise NotReadyError(f"/readyz says {status}")


def main() -> int:
    """Exit code 0 when ready, else 1 and the reason."""
    try:
        probe(Path(os.environ[VARIABLE]))
    except KeyError:
        return _fail(f"{VARIABLE} is not set")
    except NotReadyError as error:
        return _fail(str(error))
    return 0


def _fail(why: str) -> int:
    sys.stderr.write(f"unhealthy: {why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
