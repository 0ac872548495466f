"""The manifest that PostgreSQL itself writes into each base backup: its files, their checksums, its log."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stock_ops.storage.wal import parse_lsn

NAME = "backup_manifest"

_SEAL = b'"Manifest-Checksum"'
"""Begins the last line, which holds the SHA-256 of the lines before it."""


@dataclass(frozen=True, slots=True)
class PgFile:
    """A file of the cluster as the server read it; CRC-32C in hexadecimal."""

    size_bytes: int
    crc32c: str


@dataclass(frozen=True, slots=True)
class PgManifest:
    """backup_manifest."""

    text: bytes
    system_identifier: str
    timeline: int
    start_lsn: str
    stop_lsn: str
    """Recovery becomes consistent when it has read the log from start to stop."""
    files: Mapping[str, PgFile]


def parse_pg_manifest(text: bytes) -> PgManifest:
    """The manifest in its text. Raises ValueError saying what is wrong with it."""
    head, seal, _ = text.rpartition(_SEAL)
    try:
        body = json.loads(text)
        told, ranges = body["Manifest-Checksum"], body["WAL-Ranges"]
        files = dict(_file(one) for one in body["Files"])
        first, last = ranges[0], ranges[-1]
        found = PgManifest(
            text=text,
            system_identifier=str(body["System-Identifier"]),
            timeline=int(last["Timeline"]),
            start_lsn=str(first["Start-LSN"]),
            stop_lsn=str(last["End-LSN"]),
            files=files,
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{NAME} makes no sense ({type(error).__name__}: {error})") from error
    if not seal or hashlib.sha256(head).hexdigest() != told:
        raise ValueError(f"the checksum of {NAME} does not fit its text")
    parse_lsn(found.start_lsn), parse_lsn(found.stop_lsn)
    return found


def _file(entry: dict[str, Any]) -> tuple[str, PgFile]:
    path = entry["Path"] if "Path" in entry else _decoded(bytes.fromhex(entry["Encoded-Path"]))
    if entry["Checksum-Algorithm"] != "CRC32C":
        raise ValueError(f"{path} has a checksum of another kind")
    return path, PgFile(int(entry["Size"]), _turned(entry["Checksum"]))


def _turned(checksum: str) -> str:
    """PostgreSQL writes the bytes of the number as they lie in memory, the lowest first."""
    return bytes.fromhex(checksum)[::-1].hex()


def _decoded(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
