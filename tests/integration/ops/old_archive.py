"""A storage as after two months of backups: real objects, small, sealed, and as old as they say.

It was written before backups were authenticated, and its key says nothing of that.
"""

import io
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stock_ops.storage.envelope import seal
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import draw_identity
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.owner import claim
from stock_ops.storage.storage import Storage, write_bytes
from tests.contract.ops.storage.s3_server import BUCKET, S3Server
from tests.integration.ops.instance import Instance
from tests.unit.ops.archives import World

SYSTEM = "7300000000000000001"
DAYS = 56


class OldArchive:
    """An instance's storage, in a folder or in a bucket of a server."""

    def __init__(self, base: Path, server: S3Server | None = None) -> None:
        self.instance, self.server = Instance(base / "data"), server
        layout = self.instance.layout
        for folder in (layout.config, layout.backup, layout.spool):
            folder.mkdir(parents=True)
        key = base / "backup.key"
        self.recipient = draw_identity(key)
        key.write_text(key.read_text().replace("# backups: authenticated\n", ""))
        layout.recipient.write_text(self.recipient)
        place = f'storage = "{self.instance.backups}"\n'
        if server:
            place = f'storage = "s3://{BUCKET}/ours"\ns3_endpoint = "{server.bucket.endpoint}"\n'
            layout.backup_credentials.touch(0o600)
            keys = f'access_key_id = "{server.bucket.access_key_id}"\n'
            layout.backup_credentials.write_text(
                f'{keys}secret_access_key = "{server.bucket.secret_access_key}"\n'
            )
        layout.backup_settings.write_text(f'{place}key_file = "{key}"\n')
        self.storage: Storage = server.storage("ours") if server else FolderStorage(self.instance.backups)
        self.files = server.data / BUCKET / "ours" if server else self.instance.backups
        claim(self.storage, SYSTEM, self.recipient)
        now = datetime.now(UTC) - DAYS * timedelta(days=1)
        self.world = World(self.put, self.sealed, SYSTEM, machine=now, storage=now)
        self.backups = self._live()

    def put(self, name: str, data: bytes, modified: datetime) -> None:
        """An object that was written at that time."""
        write_bytes(self.storage, name, data)
        if self.server:
            told = self.server.data / BUCKET / ".nanio-meta" / "ours" / f"{name}.json"
            told.write_text(
                json.dumps(json.loads(told.read_text()) | {"last_modified": modified.isoformat()})
            )
        else:
            os.utime(self.files / name, (modified.timestamp(), modified.timestamp()))

    def sealed(self, data: bytes) -> bytes:
        """As every object of data is."""
        sink = io.BytesIO()
        seal(io.BytesIO(data), sink, self.recipient)
        return sink.getvalue()

    def objects(self) -> dict[str, bytes]:
        """All of them, read from the disk that they lie on.

        Read again until nothing changes: a server may still do what a client that was killed has asked for.
        """
        before, found = None, self._read()
        while found is None or found != before:
            before, found = found, self._read()
        return found

    def _read(self) -> dict[str, bytes] | None:
        """None where something went meanwhile."""
        try:
            paths = [path for path in self.files.rglob("*") if path.is_file()]
            return {path.relative_to(self.files).as_posix(): path.read_bytes() for path in paths}
        except FileNotFoundError:
            return None

    def remember(self, place: Path) -> None:
        """Copy everything, as it is, to a place; `bring_back` makes it so again."""
        for folder, name in self._folders():
            shutil.copytree(folder, place / name)

    def bring_back(self, place: Path) -> None:
        """As it was when it was remembered."""
        for folder, name in self._folders():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(place / name, folder)

    def _folders(self) -> tuple[tuple[Path, str], ...]:
        if self.server is None:
            return ((self.files, "objects"),)
        return ((self.files, "objects"), (self.server.data / BUCKET / ".nanio-meta" / "ours", "meta"))

    def _live(self) -> list[Manifest]:
        """A full backup a week, an incremental one on each other day; one is verified, one was cut off."""
        world = self.world
        made: list[Manifest] = []
        for day in range(DAYS):
            made.append(world.back_up(made[-1] if day % 7 else None, spans=0))
            world.write(1)
            if day in (3, 50):
                world.mark()
            if day == 20:
                world.cut_off()
            world.wait(1)
        world.verify(made[8])
        world.write(1)
        return made
