"""All settings of the platform, with type, default and meaning; docs/settings.md is made from here."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from stock_analysis.kit.errors import KitError
from stock_analysis.kit.secret_files import Secret, SecretFileError

ENV_PREFIX = "STOCK_"
CONFIG_FILE_VARIABLE = "STOCK_CONFIG_FILE"
FILE_SUFFIX = "_file"


class SettingsError(KitError):
    """The settings cannot be used; the message has one line for each mistake."""


_IN_A_FILE = "File that holds it: one line, or two while it is changed; read at each use."


class Settings(BaseModel):
    """Frozen settings of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        "127.0.0.1", description="Address of the gateway; any other than loopback requires API keys."
    )
    port: int = Field(8080, ge=1, le=65535, description="Port of the gateway, or of `--target all`.")
    stock_host: str = Field(
        "127.0.0.1",
        description="Address of the stock-service when it runs apart; it asks for no key.",
    )
    stock_port: int = Field(8001, ge=1, le=65535, description="Port of the stock-service when it runs apart.")
    stock_url: str = Field(
        "http://127.0.0.1:8001", description="Where the gateway finds the stock-service when it runs apart."
    )

    database_host: str = Field("127.0.0.1", description="Host of PostgreSQL.")
    database_port: int = Field(5432, ge=1, le=65535, description="Port of PostgreSQL.")
    database_name: str = Field("stock_analysis", description="Name of the database.")
    database_user: str = Field(
        "stock_analysis",
        description="Database role that owns the tables: migrations and API keys, and each part below whose "
        "own role is not named.",
    )
    database_writer: str = Field("", description="Database role of the imports; empty: `database_user`.")
    database_reader: str = Field(
        "", description="Database role of the stock-service; empty: `database_user`."
    )
    database_gateway: str = Field("", description="Database role of the gateway; empty: `database_user`.")
    database_relay: str = Field("", description="Database role of the relay; empty: `database_user`.")
    database_sentiment: str = Field(
        "", description="Database role of the sentiment-service; empty: `database_user`."
    )
    database_password: SecretStr | None = Field(None, description="Password of the database roles.")
    database_password_file: Path | None = Field(None, description=_IN_A_FILE)
    database_passwords: Path | None = Field(
        None,
        description="Folder with a file for each database role, named as the role is: its password, read at "
        "each new connection, and like any secret's file. Goes before `database_password`.",
    )
    database_pool_size: int = Field(8, ge=1, le=100, description="Most database connections of one process.")
    database_timeout_s: float = Field(10.0, gt=0, le=600, description="Longest that one query may take.")

    valkey_host: str = Field("127.0.0.1", description="Host of Valkey.")
    valkey_port: int = Field(6379, ge=1, le=65535, description="Port of Valkey.")
    valkey_password: SecretStr | None = Field(None, description="Password of Valkey.")
    valkey_password_file: Path | None = Field(None, description=_IN_A_FILE)
    valkey_timeout_s: float = Field(
        0.25, gt=0, le=10, description="Longest wait for Valkey before going on without it."
    )
    cache_ttl_s: int = Field(3600, ge=1, description="How long Valkey keeps an answer.")
    cache_local_bytes: int = Field(
        32 * 2**20, ge=0, description="Bytes of ready answers that each process keeps in its own memory."
    )

    events_log: Literal["valkey", "kafka"] = Field("valkey", description="What carries events.")
    events_prefix: str = Field(
        "",
        max_length=64,
        pattern=r"^[a-zA-Z0-9._-]*$",
        description="Put before the name of each topic, for a log that several installations share.",
    )
    events_retained: int = Field(
        20_000, ge=1000, le=10_000_000, description="Events that each topic keeps on Valkey."
    )

    events_outbox_s: float = Field(
        604_800, gt=0, description="How long the outbox keeps an event after it was published, in seconds."
    )
    events_outbox_rows: int = Field(
        1_000_000, ge=1000, description="Published events that the outbox keeps at most."
    )
    kafka_servers: str = Field(
        "127.0.0.1:9092", description="Brokers of Kafka to begin with, HOST:PORT, separated by commas."
    )
    kafka_partitions: int = Field(3, ge=1, le=1000, description="Partitions of a topic that is made.")
    kafka_replicas: int = Field(
        -1, ge=-1, le=32767, description="Copies of a topic that is made; -1: as the brokers have it."
    )
    kafka_retention_s: float = Field(604_800, ge=60, description="How long Kafka keeps an event, in seconds.")
    kafka_retention_bytes: int = Field(
        512 * 2**20, ge=2**20, description="Bytes that Kafka keeps of each partition, about."
    )
    kafka_tls: bool = Field(False, description="Whether Kafka is spoken to over TLS.")
    kafka_ca_file: Path | None = Field(
        None, description="Certificates that Kafka's is checked with; else those of the system."
    )
    kafka_user: str = Field("", description="User at Kafka, by SCRAM-SHA-512; empty: none.")
    kafka_password: SecretStr | None = Field(None, description="Password of the user at Kafka.")
    kafka_password_file: Path | None = Field(None, description=_IN_A_FILE)
    relay_host: str = Field("127.0.0.1", description="Address the relay listens on when it runs apart.")
    relay_port: int = Field(8003, ge=0, le=65535, description="Port of the relay when it runs apart.")

    backup_url: str = Field(
        "",
        description="Where the gateway asks how the backups stand; empty: they are not managed here.",
    )
    backup_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Longest the gateway waits for the backup part's answer."
    )

    require_api_key: Literal["auto", "always", "never"] = Field(
        "auto", description="Whether the API asks for a key; auto: unless listening on loopback."
    )
    session_key: SecretStr | None = Field(
        None, description="Signs the sessions of the page; without it the page has none."
    )
    session_key_file: Path | None = Field(
        None, description=f"{_IN_A_FILE} The old one stays valid for the 12 h of a session."
    )
    api_key_pepper: SecretStr | None = Field(
        None, description="Seals the hashes of API keys in the database; without it they are plain SHA-256."
    )
    api_key_pepper_file: Path | None = Field(
        None, description=f"{_IN_A_FILE} Empty while there is no pepper yet."
    )
    rate_limit_per_minute: int = Field(
        6000, ge=0, description="Requests a client (key or address) may make in a minute; 0 = no limit."
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description="Origins whose pages may call the API too, comma-separated in the environment.",
    )
    trusted_hosts: tuple[str, ...] = Field(
        ("127.0.0.1", "localhost", "[::1]"),
        description="Host names the gateway answers to when no API key is required (stops DNS rebinding).",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses or networks of proxies whose X-Forwarded-For is believed; none by default.",
    )
    max_connections: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Most connections of clients that are open at once; one more is answered with 503.",
    )
    live_sources: tuple[str, ...] = Field(
        (),
        description="Live prices as PROVIDER/SYMBOL, comma-separated in the environment: `coinbase/BTC-USD`, "
        "`alpaca/AAPL`; none by default. Their symbols must be stored already.",
    )
    live_silent_s: float = Field(
        60.0,
        gt=0,
        description="A symbol without a trade for so long while its market is open is told as silent.",
    )
    live_alpaca_key: SecretStr | None = Field(None, description="Key of Alpaca's market data.")
    live_alpaca_key_file: Path | None = Field(None, description=_IN_A_FILE)
    live_alpaca_secret: SecretStr | None = Field(None, description="Secret of that key.")
    live_alpaca_secret_file: Path | None = Field(None, description=_IN_A_FILE)
    live_alpaca_url: str = Field(
        "wss://stream.data.alpaca.markets/v2/iex",
        description="Alpaca's stream; `v2/sip`: the whole market.",
    )
    live_coinbase_url: str = Field(
        "wss://ws-feed.exchange.coinbase.com", description="Coinbase Exchange's public stream."
    )
    sentiment_host: str = Field(
        "127.0.0.1",
        description="Address of the sentiment-service when it runs apart; it asks for no key.",
    )
    sentiment_port: int = Field(
        8002, ge=1, le=65535, description="Port of the sentiment-service when it runs apart."
    )
    sentiment_url: str = Field(
        "",
        description="Where the gateway finds the sentiment-service when it runs apart, as "
        "`http://127.0.0.1:8002`; empty: there is none.",
    )
    sentiment_sources: tuple[str, ...] = Field(
        (),
        description="Sources of posts: `bluesky`, `rss`, `edgar`, `naver`, `reddit`, `x`, comma-separated in "
        "the environment; none by default. `stock-analysis sentiment sources` says what each needs.",
    )
    sentiment_posts_a_day: int = Field(
        500_000, ge=1, description="Most posts that are read from one source in a day (UTC)."
    )
    sentiment_bluesky_url: str = Field(
        "wss://jetstream2.us-east.bsky.network/subscribe", description="Bluesky's Jetstream."
    )
    sentiment_rss_feeds: tuple[str, ...] = Field((), description="Addresses of RSS and Atom feeds.")
    sentiment_edgar_url: str = Field(
        "https://www.sec.gov/cgi-bin/browse-edgar", description="EDGAR's list of the newest filings."
    )
    sentiment_edgar_contact: str = Field(
        "", max_length=200, description="Address that the SEC may write to, which it asks for."
    )
    sentiment_naver_url: str = Field(
        "https://openapi.naver.com/v1/search/news.json", description="Naver's news search."
    )
    sentiment_naver_id: SecretStr | None = Field(None, description="Client id at Naver.")
    sentiment_naver_id_file: Path | None = Field(None, description=_IN_A_FILE)
    sentiment_naver_secret: SecretStr | None = Field(None, description="Secret of that client.")
    sentiment_naver_secret_file: Path | None = Field(None, description=_IN_A_FILE)
    sentiment_naver_queries: tuple[str, ...] = Field((), description="Searches at Naver, as `삼성전자`.")
    sentiment_reddit_url: str = Field("https://oauth.reddit.com", description="Reddit's API.")
    sentiment_reddit_token_url: str = Field(
        "https://www.reddit.com/api/v1/access_token", description="Where Reddit gives tokens."
    )
    sentiment_reddit_id: SecretStr | None = Field(None, description="Id of the application at Reddit.")
    sentiment_reddit_id_file: Path | None = Field(None, description=_IN_A_FILE)
    sentiment_reddit_secret: SecretStr | None = Field(None, description="Secret of that application.")
    sentiment_reddit_secret_file: Path | None = Field(None, description=_IN_A_FILE)
    sentiment_reddit_subreddits: tuple[str, ...] = Field(
        ("stocks", "investing", "wallstreetbets"), description="Subreddits whose submissions are read."
    )
    sentiment_x_url: str = Field("https://api.x.com", description="X's API.")
    sentiment_x_token: SecretStr | None = Field(None, description="Bearer token at X.")
    sentiment_x_token_file: Path | None = Field(None, description=_IN_A_FILE)
    sentiment_x_query: str = Field("", max_length=512, description="What X is searched for.")
    sentiment_x_stream: bool = Field(
        False, description="Whether X's filtered stream is read behind its search: faster, at the same price."
    )
    sentiment_x_dollars_a_day: float = Field(
        0.0, ge=0, le=10_000, description="Most dollars that X may cost in a day; a post read costs $0.005."
    )
    sentiment_text_ttl_days: int = Field(
        7,
        ge=1,
        le=365,
        description="How long the text of a post is kept; so many days after its end a day is final, and its "
        "authors are forgotten.",
    )
    live_host: str = Field("127.0.0.1", description="Address the live part listens on when it runs apart.")
    live_port: int = Field(
        8004, ge=0, le=65535, description="Port of health and metrics of the live part when it runs apart."
    )
    live_clients: int = Field(
        2000, ge=0, description="Most clients of the live stream (WebSocket and server-sent events) at once."
    )
    live_clients_of_one: int = Field(
        50, ge=1, description="Most connections of one client (key or address) to the live stream."
    )
    live_subscriptions: int = Field(
        50, ge=1, le=1000, description="Most subscriptions of one connection to the live stream."
    )
    live_channels: int = Field(
        500, ge=1, description="Most distinct subscriptions (symbol, interval, indicators) of one gateway."
    )
    max_request_bytes: int = Field(1 * 2**20, ge=1024, description="Largest request body that is read.")
    request_timeout_s: float = Field(30.0, gt=0, le=600, description="Longest that one request may take.")
    patience_s: float = Field(
        5.0,
        gt=0,
        le=600,
        description="Longest that a request may be expected to wait for its turn; beyond it is answered with "
        "503 and Retry-After at once.",
    )
    upstream_timeout_s: float = Field(
        10.0, gt=0, le=600, description="Longest the gateway waits for a service that runs apart."
    )
    upstream_attempts: int = Field(
        3,
        ge=1,
        le=10,
        description="How often the gateway tries an idempotent call to a service that runs apart.",
    )
    drain_s: float = Field(
        2.0, ge=0, le=300, description="How long /readyz says no before a stopping process closes its door."
    )
    shutdown_timeout_s: float = Field(
        20.0, gt=0, le=600, description="How long requests under way may take once the door is closed."
    )

    serving_file: Path | None = Field(
        None,
        description="File that holds the address served at while the process serves, and a word that opens "
        "the parts of its health to who can read it; the health check of a container reads it.",
    )

    log_format: Literal["console", "json"] = Field(
        "json", description="console for people, json (ECS) for machines."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and, for each field, where its value came from."""

    settings: Settings
    sources: dict[str, str]


def load_settings(config_file: Path | None = None, environ: dict[str, str] | None = None) -> LoadedSettings:
    """Settings from defaults, then the TOML file, then STOCK_... variables, the later the stronger.

    config_file: else the one that STOCK_CONFIG_FILE names, else none. A secret may stand in a file of its
    own, which its setting with _file names: the environment of a process is read more easily than a file.
    Raises SettingsError naming every unknown or unusable value, and every file that holds no secret.
    """
    environ = dict(os.environ) if environ is None else environ
    named = config_file or (Path(environ[CONFIG_FILE_VARIABLE]) if CONFIG_FILE_VARIABLE in environ else None)
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    for source, found in ((str(named), _from_file(named)), ("environment", _from_environment(environ))):
        values |= found
        sources |= dict.fromkeys(found, source)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise SettingsError(_explain(error, sources)) from error
    _refuse_secrets(settings, sources)
    return LoadedSettings(settings, sources)


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}") from error


def _from_environment(environ: dict[str, str]) -> dict[str, Any]:
    return {
        name.removeprefix(ENV_PREFIX).lower(): _split(name, value)
        for name, value in environ.items()
        if name.startswith(ENV_PREFIX) and name != CONFIG_FILE_VARIABLE
    }


def _variable(field: str) -> str:
    return f"{ENV_PREFIX}{field.upper()}"


SECRETS = tuple(
    name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)
)


def secret(settings: Settings, name: str) -> Secret:
    """The secret of this name, to be read at each use."""
    file, value = getattr(settings, f"{name}{FILE_SUFFIX}"), getattr(settings, name)
    return Secret(file, value, may_be_empty=name == "api_key_pepper")


def _refuse_secrets(settings: Settings, sources: dict[str, str]) -> None:
    """Raises SettingsError for each secret that is given twice, or whose file holds none."""
    mistakes = []
    for name in SECRETS:
        file = f"{name}{FILE_SUFFIX}"
        told = _variable(file) if sources[file] == "environment" else file
        if getattr(settings, name) is not None and getattr(settings, file) is not None:
            first = _variable(name) if sources[name] == "environment" else name
            mistakes.append(f"{first} and {told} are both set; keep one")
            continue
        try:
            secret(settings, name).read()
        except SecretFileError as error:
            mistakes.append(f"{told}: {error}")
    if mistakes:
        raise SettingsError("\n".join(mistakes))


def _split(name: str, value: str) -> str | tuple[str, ...]:
    field = Settings.model_fields.get(name.removeprefix(ENV_PREFIX).lower())
    if field is not None and field.annotation == tuple[str, ...]:
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _explain(error: ValidationError, sources: dict[str, str]) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        field = str(problem["loc"][0])
        origin = sources.get(field, "?")
        if problem["type"] == "extra_forbidden":
            name = _variable(field) if origin == "environment" else field
            lines.append(f"{name} ({origin}): no such setting; docs/settings.md lists them")
        else:
            lines.append(f"{field} ({origin}): {problem['msg']}")
    return "\n".join(lines)


def describe_settings() -> str:
    """The table of docs/settings.md in Markdown."""
    rows = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        shown = ",".join(default) if isinstance(default, tuple) else default
        cell = "" if shown == "" else f"`{shown}`"
        rows.append(f"| `{name}` | `{_variable(name)}` | {cell} | {field.description} |")
    return "\n".join(rows) + "\n"
