"""A minimal archive in the place of the part `backup`: receives the log, ships whole segments, tells its state."""

import http.server
import json
import os
import subprocess
import threading
from pathlib import Path

from stock_analysis.testing.processes import free_port
from stock_ops.facts.backups import read_recipient
from stock_ops.facts.creation import observe_tools
from stock_ops.facts.server import BACKUP_ROLE, read_address
from stock_ops.layout import Layout
from stock_ops.repository.envelope import store
from stock_ops.repository.objects import segment_object
from stock_ops.repository.owner import claim
from stock_ops.repository.storage import Storage


class SmallArchive:
    """Runs until `stop`; the port of its answers is remembered as that of the part."""

    def __init__(self, layout: Layout, storage: Storage, system_identifier: str) -> None:
        self._layout, self._storage = layout, storage
        self.state: dict[str, object] = {"streaming": True}
        self._over = threading.Event()
        claim(storage, system_identifier, read_recipient(layout) or "")
        self._receiver = self._receive()
        self._shipper = threading.Thread(target=self._ship_for_ever, daemon=True)
        self._shipper.start()
        self._serve()

    def stop(self) -> None:
        """End it; what was received stays in the spool."""
        self._over.set()
        self._receiver.kill()
        self._receiver.wait()
        self._server.shutdown()
        self._server.server_close()
        self._shipper.join()

    def _receive(self) -> "subprocess.Popen[bytes]":
        tools, port = observe_tools(self._layout), read_address(self._layout).port
        command = [str(tools.folder / "pg_receivewal"), "-h", "127.0.0.1", "-p", str(port), "-U", BACKUP_ROLE]
        command += ["-w", "-D", str(self._layout.spool), "--slot", "small"]
        who = {"user": tools.account.uid, "group": tools.account.gid} if tools.account else {}
        variables = {"PGPASSFILE": str(tools.passfile), "PATH": os.environ["PATH"]}
        making = [*command, "--create-slot", "--if-not-exists"]
        subprocess.run(making, env=variables, cwd="/", check=True, **who)  # type: ignore[call-overload]
        log = (self._layout.root / "receive.log").open("ab")
        return subprocess.Popen(command, env=variables, cwd="/", stderr=log, **who)  # type: ignore[call-overload]

    def _ship_for_ever(self) -> None:
        while not self._over.wait(0.05):
            for path in sorted(self._layout.spool.glob("?" * 24)):
                self._ship(path)

    def _ship(self, path: Path) -> None:
        with path.open("rb") as source:
            store(self._storage, segment_object(path.name), source, read_recipient(self._layout) or "")
        path.unlink()

    def _serve(self) -> None:
        archive = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"archive": archive.state}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        port = free_port()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        memory = json.loads(self._layout.memory.read_text())
        memory["ports"]["backup"] = port
        self._layout.memory.write_text(json.dumps(memory))
