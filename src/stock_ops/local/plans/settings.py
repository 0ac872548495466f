"""The text of every settings file that stockops writes."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stock_ops.kit.accounts import Account
from stock_ops.kit.layout import (
    BACKUP_ROLE,
    DATABASE,
    GATEWAY_ROLE,
    LOOPBACK,
    OWNER_ROLE,
    READER_ROLE,
    RELAY_ROLE,
    SENTIMENT_ROLE,
    WRITER_ROLE,
    Layout,
)
from stock_ops.kit.leashing import leashed
from stock_ops.kit.secret_names import PEPPER, SESSION_KEY, VALKEY
from stock_ops.kit.target import LOCAL
from stock_ops.kit.target import VARIABLE as TARGET_VARIABLE
from stock_ops.local.facts.instance import Secrets

SLOT = "stock_backup"
"""Name of the replication slot that keeps write-ahead log on the server until it is archived."""
VALKEY_MEMORY = "64mb"
OWNED = frozenset(
    {"port", "backup_url"}
    | {f"database_{name}" for name in ("host", "port", "name", "user", "password", "passwords")}
    | {f"database_{name}" for name in ("writer", "reader", "gateway", "relay", "sentiment")}
    | {f"valkey_{name}" for name in ("host", "port", "password", "password_file")}
    | {"session_key", "session_key_file", "api_key_pepper", "api_key_pepper_file", "database_password_file"}
)
"""Settings of the platform that stockops decides."""

_MEGABYTE = 2**20
_DRAIN_S, _SHUTDOWN_S = 0.0, 20.0


@dataclass(frozen=True, slots=True)
class Servers:
    """Programs, ports and user of the supervised processes."""

    postgres: Path
    valkey: Path
    platform: Path
    python: Path
    leash: Path
    ports: Mapping[str, int]
    service: Account | None


def platform_settings(layout: Layout, servers: Servers, overrides: Mapping[str, Any]) -> str:
    """platform.toml: the operator's settings, and over them those that stockops decides."""
    ports = servers.ports
    chosen = {"host": LOOPBACK, "log_format": "json", "drain_s": _DRAIN_S} | dict(overrides)
    decided = {
        "port": ports["platform"],
        "database_host": LOOPBACK,
        "database_port": ports["postgresql"],
        "database_name": DATABASE,
        **database_roles(),
        "database_passwords": str(layout.passwords),
        "valkey_host": LOOPBACK,
        "valkey_port": ports["valkey"],
        "valkey_password_file": str(layout.passwords / VALKEY),
        "session_key_file": str(layout.passwords / SESSION_KEY),
        "api_key_pepper_file": str(layout.passwords / PEPPER),
        **({"backup_url": f"http://{LOOPBACK}:{ports['backup']}"} if "backup" in ports else {}),
    }
    lines = [f"{name} = {_toml(value)}" for name, value in (chosen | decided).items()]
    return _text("# Written by stockops at each start. Your own settings: overrides.toml beside this.", lines)


def database_roles() -> dict[str, str]:
    """Each part of the platform under its own role."""
    return {
        "database_user": OWNER_ROLE,
        "database_writer": WRITER_ROLE,
        "database_reader": READER_ROLE,
        "database_gateway": GATEWAY_ROLE,
        "database_relay": RELAY_ROLE,
        "database_sentiment": SENTIMENT_ROLE,
    }


def platform_passwords(secrets: Secrets) -> dict[str, str]:
    """Password of each role of the platform."""
    return {
        OWNER_ROLE: secrets.database,
        WRITER_ROLE: secrets.writer,
        READER_ROLE: secrets.reader,
        GATEWAY_ROLE: secrets.gateway,
        RELAY_ROLE: secrets.relay,
        SENTIMENT_ROLE: secrets.sentiment,
    }


def secret_files(secrets: Secrets) -> dict[str, str]:
    """The text of each file of config/passwords: what the platform reads, the newest value first."""
    return {role: f"{password}\n" for role, password in platform_passwords(secrets).items()} | {
        VALKEY: f"{secrets.valkey}\n",
        SESSION_KEY: "".join(f"{one}\n" for one in (secrets.session, secrets.session_before) if one),
        PEPPER: "".join(f"{one}\n" for one in _peppers(secrets) if one),
    }


def _peppers(secrets: Secrets) -> tuple[str, ...]:
    change = secrets.changing.get("pepper")
    return (change.new, change.old) if change else (secrets.pepper,)


def postgresql_settings(port: int, wal_keep_gib: float, *, includes: bool = True) -> str:
    """postgresql.conf: loopback only, no socket files, sized so that the platform rests below 400 MiB.

    wal_keep_gib: the most that the slot of the archive may keep on the disk. includes: the operator's own
    settings, which lie in the cluster, are read after these.
    """
    return _text(
        "# Written by stockops at each start. Your own settings: operator.conf beside this.",
        [
            f"listen_addresses = '{LOOPBACK}'",
            f"port = {port}",
            "unix_socket_directories = ''",
            "password_encryption = scram-sha-256",
            "max_connections = 40",
            "shared_buffers = 64MB",
            "effective_cache_size = 512MB",
            "work_mem = 8MB",
            "maintenance_work_mem = 64MB",
            "jit = off",
            "io_method = sync",
            "max_worker_processes = 4",
            "max_parallel_workers = 2",
            "max_parallel_workers_per_gather = 1",
            "random_page_cost = 1.1",
            "wal_compression = pglz",
            "min_wal_size = 80MB",
            "max_wal_size = 512MB",
            "checkpoint_timeout = 15min",
            "wal_level = replica",
            "summarize_wal = on",
            f"max_slot_wal_keep_size = {wal_keep_mebibytes(wal_keep_gib)}MB",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "log_line_prefix = '%m [%p] %q%u@%d '",
            "log_min_duration_statement = 1s",
            "log_parameter_max_length = 64",
            *(["include_if_exists = 'operator.conf'"] if includes else []),
        ],
    )


def wal_keep_mebibytes(wal_keep_gib: float) -> int:
    """The most that the slot of the archive keeps on the server, as PostgreSQL is told."""
    return max(1, round(wal_keep_gib * 1024))


def postgresql_access() -> str:
    """pg_hba.conf: passwords on loopback, nothing else."""
    return _text(
        "# Written by stockops at each start.",
        [
            f"host all         all {LOOPBACK}/32 scram-sha-256",
            f"host replication all {LOOPBACK}/32 scram-sha-256",
        ],
    )


def passfile_text(port: int, password: str, host: str = LOOPBACK) -> str:
    """pgpass: the password of stock_backup for PostgreSQL's own programs."""
    return f"{host}:{port}:*:{BACKUP_ROLE}:{password}\n"


def valkey_settings(layout: Layout, port: int, password: str) -> str:
    """valkey.conf: a cache with a limit; the least used answer makes room for a new one."""
    return _text(
        "# Written by stockops at each start.",
        [
            f"bind {LOOPBACK}",
            f"port {port}",
            "protected-mode yes",
            f"requirepass {password}",
            f"dir {json.dumps(str(layout.valkey), ensure_ascii=False)}",
            "daemonize no",
            'logfile ""',
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            "aof-load-truncated yes",
            f"maxmemory {VALKEY_MEMORY}",
            "maxmemory-policy volatile-lru",
            "maxclients 200",
            'proc-title-template "{title} {listen-addr} {config-file}"',
        ],
    )


def supervisor_settings(layout: Layout, servers: Servers, overrides: Mapping[str, Any]) -> str:
    """supervisord.conf: the parts, restarted with back-off, logs rotated by size."""
    stop_s = sum(float(overrides.get(name, default)) for name, default in _STOPPING.items())
    return _text(
        "; Written by stockops at each start.",
        [
            *_section("unix_http_server", file=layout.socket, chmod="0600"),
            *_section("rpcinterface:supervisor", **{_FACTORY: _RPC}),
            *_supervisord(layout, servers.service is not None),
            *_part("postgresql", 10, _postgres(layout, servers), layout, stopsignal="INT", stopwaitsecs=60),
            *_part("valkey", 20, _valkey(layout, servers), layout, stopsignal="TERM", stopwaitsecs=20),
            *_part(
                "platform",
                30,
                _platform(layout, servers),
                layout,
                autostart="false",
                stopsignal="TERM",
                stopwaitsecs=int(stop_s) + 10,
            ),
            *(_backup_part(layout, servers) if "backup" in servers.ports else ()),
        ],
    )


_FACTORY = "supervisor.rpcinterface_factory"
_RPC = "supervisor.rpcinterface:make_main_rpcinterface"
_STOPPING = {"drain_s": _DRAIN_S, "shutdown_timeout_s": _SHUTDOWN_S}


def _supervisord(layout: Layout, as_root: bool) -> list[str]:
    return _section(
        "supervisord",
        logfile=layout.log("supervisor"),
        logfile_maxbytes=_MEGABYTE,
        logfile_backups=3,
        pidfile=layout.supervisor_pid,
        directory=layout.root,
        childlogdir=layout.logs,
        umask="077",
        **({"user": "root"} if as_root else {}),
    )


def _part(name: str, priority: int, command: list[str], layout: Layout, **more: object) -> list[str]:
    return _section(
        f"program:{name}",
        command=shlex.join(command),
        priority=priority,
        autorestart="true",
        startsecs=2,
        startretries=20,
        redirect_stderr="true",
        stdout_logfile=str(layout.log(name)).replace("%", "%%"),  # supervisord expands this one twice
        stdout_logfile_maxbytes=10 * _MEGABYTE,
        stdout_logfile_backups=3,
        killasgroup="true",
        **more,
    )


def _postgres(layout: Layout, servers: Servers) -> list[str]:
    program = [str(servers.postgres), "-D", str(layout.postgresql)]
    return leashed(servers.python, servers.leash, "INT", servers.service, program)


def _valkey(layout: Layout, servers: Servers) -> list[str]:
    program = [str(servers.valkey), str(layout.valkey_config)]
    return leashed(servers.python, servers.leash, "TERM", servers.service, program)


def _platform(layout: Layout, servers: Servers) -> list[str]:
    """On a leash that kills: it has no data of its own, and its log ends in the dead supervisor's pipe."""
    program = [str(servers.platform), "serve", "--target", "all", "--config", str(layout.platform_config)]
    return leashed(servers.python, servers.leash, "KILL", None, program)


def _backup_part(layout: Layout, servers: Servers) -> list[str]:
    """It stops after the platform and before PostgreSQL, from which it still receives the end of the log.

    Its threads share one pool of memory: with one each, it holds 30 MiB more that it once needed.
    """
    program = [str(servers.python), "-m", "stock_ops", "backup", "run", "--data", str(layout.root)]
    command = leashed(servers.python, servers.leash, "TERM", None, program)
    return _part(
        "backup",
        25,
        command,
        layout,
        autostart="false",
        stopsignal="TERM",
        stopwaitsecs=30,
        environment=f'MALLOC_ARENA_MAX="1",{TARGET_VARIABLE}="{LOCAL}"',
    )


def _section(name: str, **values: object) -> list[str]:
    return ["", f"[{name}]", *(f"{key} = {str(value).replace('%', '%%')}" for key, value in values.items())]


def _text(head: str, lines: Iterable[str]) -> str:
    return "\n".join([head, *lines]) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
