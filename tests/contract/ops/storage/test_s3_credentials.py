"""The keys that sign a request are the ones that were meant, and are renewed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.credentials import CredentialsError
from stock_ops.kit.layout import Layout
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.s3 import Keys, KeySource
from stock_ops.storage.storage import Storage, StorageError, write_bytes
from tests.contract.ops.storage.answering import Answering, answering, write_certificate

pytestmark = pytest.mark.server

_NO_TIME = timedelta(0)
_LATER = "2126-11-29T10:00:00Z"
_OF_MACHINE = {
    "AccessKeyId": "ASIAMACHINE", "SecretAccessKey": "s", "Token": "machine token", "Expiration": _LATER,
    "Code": "Success", "LastUpdated": "2026-11-29T10:00:00Z", "Type": "AWS-HMAC",
}  # fmt: skip
_ASSUMED = f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>role token</SessionToken>
<Expiration>{_LATER}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


def _metadata(_: str, path: str, __: dict[str, str]) -> tuple[int, str] | None:
    """The answers of a machine at Amazon about itself."""
    roles = "/latest/meta-data/iam/security-credentials/"
    told = {"/latest/api/token": "t0ken", roles: "backups", f"{roles}backups": json.dumps(_OF_MACHINE)}
    return (200, told[path]) if path in told else None


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as found:
        yield found


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "stocks")
    layout.config.mkdir(parents=True)
    return layout


def bucket(layout: Layout, server: Answering, more: str = "") -> Storage:
    layout.backup_settings.write_text(
        f'storage = "s3://backups/ours"\ns3_endpoint = "http://127.0.0.1:{server.port}"\n{more}\n'
    )
    return open_storage(layout, read_backup_settings(layout))


def signed(server: Answering) -> tuple[str, str | None]:
    """The id of the key, and the session token, of the last request."""
    headers = server.asked[-1][2]
    return headers["authorization"].partition("Credential=")[2].partition("/")[0], headers.get(
        "x-amz-security-token"
    )


def test_the_environment_adds_nothing_to_the_keys_of_the_file(
    layout: Layout, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.backup_credentials.write_text('access_key_id = "mine"\nsecret_access_key = "s"\n')
    layout.backup_credentials.chmod(0o600)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody else's")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    write_bytes(bucket(layout, server), "a", b"x")
    assert signed(server) == ("mine", None)


def test_a_session_token_is_sent_with_its_keys(
    layout: Layout, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ACCESS_KEY_ID", "temp"), ("SECRET_ACCESS_KEY", "s"), ("SESSION_TOKEN", "t")):
        monkeypatch.setenv(f"AWS_{name}", value)
    write_bytes(bucket(layout, server), "a", b"x")
    assert signed(server) == ("temp", "t")


def test_a_profile_is_signed_with(
    layout: Layout, server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = tmp_path / "aws"
    profiles.write_text("[b]\naws_access_key_id=p\naws_secret_access_key=q\naws_session_token=t\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profiles))
    write_bytes(bucket(layout, server, 's3_profile = "b"'), "a", b"x")
    assert signed(server) == ("p", "t")


def test_keys_are_read_again_when_they_may_have_been_renewed(
    server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stock_ops.storage.s3._KEYS_LAST", _NO_TIME)
    names = iter("abcdefgh")
    storage = server.storage(KeySource("a test", lambda: Keys(next(names), "s")))
    write_bytes(storage, "a", b"x")
    first = signed(server)
    write_bytes(storage, "a", b"x")
    assert signed(server) > first


def test_keys_that_cannot_be_read_any_more_are_said_in_their_own_words(server: Answering) -> None:
    def gone() -> Keys:
        raise CredentialsError("The file is gone.", "Bring it back.")

    with pytest.raises(StorageError, match="The file is gone") as caught:
        write_bytes(server.storage(KeySource("a test", gone)), "a", b"x")
    assert caught.value.todo == "Bring it back."


def test_a_web_identity_is_changed_for_keys_and_its_token_is_read_anew(
    layout: Layout, server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on EKS: the token lies in a file that is renewed."""
    token, certificate, authority = (tmp_path / name for name in ("token", "server.pem", "authority.pem"))
    write_certificate(certificate, authority)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/backups")
    with answering(certificate) as service:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://127.0.0.1:{service.port}")
        service.say(_ASSUMED)
        for name in ("first", "second"):
            token.write_text(name)
            write_bytes(bucket(layout, server, f's3_ca_file = "{authority}"'), "a", b"x")
            assert signed(server) == ("ASIAROLE", "role token")
            assert f"WebIdentityToken={name}" in service.asked[-1][1]


def test_the_role_of_a_container_is_asked_for(
    layout: Layout, server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.port}/role")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    server.say(json.dumps(_OF_MACHINE))
    write_bytes(bucket(layout, server), "a", b"x")
    assert signed(server) == ("ASIAMACHINE", "machine token")


def test_the_role_of_an_instance_is_asked_for_when_that_is_said(
    layout: Layout, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{server.port}")
    server.decide = _metadata
    with pytest.raises(CredentialsError):
        bucket(layout, server)
    write_bytes(bucket(layout, server, 's3_credentials = "identity"'), "a", b"x")
    assert signed(server) == ("ASIAMACHINE", "machine token")
    assert next(path for _, path, _ in server.asked) == "/latest/api/token"


def test_a_metadata_service_that_talks_nonsense_is_an_error_in_words(
    layout: Layout, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library panics over it."""
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{server.port}")
    server.say('{"no": "role"}')
    with pytest.raises(StorageError, match="fails"):
        write_bytes(bucket(layout, server, 's3_credentials = "identity"'), "a", b"x")
