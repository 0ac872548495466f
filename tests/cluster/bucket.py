"""An S3 service in a namespace of its own: nanio, with TLS before it, which it does not speak itself."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import Cluster, until

PORT = 9443
KEYS = 'access_key_id = "test-key"\nsecret_access_key = "test-secret"\n'
TLS = """
import asyncio, ssl

async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()

async def serve(reader, writer):
    inner = await asyncio.open_connection("127.0.0.1", 9000)
    await asyncio.gather(carry(reader, inner[1]), carry(inner[0], writer), return_exceptions=True)

async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
    server = await asyncio.start_server(serve, "0.0.0.0", 9443, ssl=context)
    await server.serve_forever()

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where it is, and who vouches for it."""

    cluster: Cluster
    namespace: str
    authority: Path
    """Its certificate."""

    @property
    def endpoint(self) -> str:
        """As pods of the cluster know it."""
        return f"https://s3.{self.namespace}.svc.cluster.local:{PORT}"

    @property
    def address(self) -> str:
        """Of its pod, which network policies count."""
        pod = self.cluster.get("-n", self.namespace, "pod", "s3")
        return str(pod["status"]["podIP"])

    def remove(self) -> None:
        """With all that is in it."""
        self.cluster.k("delete", "namespace", self.namespace, "--wait=false", check=False)


def start(cluster: Cluster, namespace: str, image: str, folder: Path) -> Bucket:
    """Started, with a certificate of an authority of its own."""
    authority, certificate, key = folder / "ca.crt", folder / "tls.crt", folder / "tls.key"
    name = f"s3.{namespace}.svc.cluster.local"
    new = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "1", "-nodes")
    _run(*new, "-subj", "/CN=authority", "-out", authority, "-keyout", folder / "ca.key")
    leaf = ("-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE")
    signed = ("-CA", authority, "-CAkey", folder / "ca.key", "-out", certificate, "-keyout", key)
    _run(*new, "-subj", "/CN=s3", *leaf, *signed)
    cluster.k("create", "namespace", namespace)
    cluster.k("-n", namespace, "create", "secret", "tls", "tls", f"--cert={certificate}", f"--key={key}")
    cluster.apply(yaml.safe_dump_all(_objects(image)), namespace)
    bucket = Bucket(cluster, namespace, authority)
    until(lambda: _runs(bucket), telling=lambda: cluster.k("-n", namespace, "describe", "pods"))
    return bucket


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _runs(bucket: Bucket) -> bool:
    pod = bucket.cluster.get("-n", bucket.namespace, "pod", "s3")
    return all(one["ready"] for one in pod["status"].get("containerStatuses", [{"ready": False}]))


def _objects(image: str) -> list[dict[str, Any]]:
    keys = {"NANIO_ACCESS_KEY": "test-key", "NANIO_SECRET_KEY": "test-secret"}
    served = {
        "name": "s3",
        "image": image,
        "args": ["serve", "--host", "127.0.0.1", "--port", "9000", "--data-dir", "/data"],
        "env": [{"name": name, "value": value} for name, value in keys.items()],
    }
    before = {
        "name": "tls",
        "image": image,
        "command": ["python3", "-c", TLS],
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
    }
    spec = {"containers": [served, before], "volumes": [{"name": "tls", "secret": {"secretName": "tls"}}]}
    labels = {"app": "s3"}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "s3", "labels": labels}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "s3"},
            "spec": {"clusterIP": "None", "selector": labels, "ports": [{"port": PORT}]},
        },
    ]
