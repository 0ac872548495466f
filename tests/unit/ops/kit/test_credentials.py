from pathlib import Path

import pytest

from stock_ops.kit.backup_rules import CredentialSource
from stock_ops.kit.credentials import Credentials, CredentialsError, Found, Origin, find_credentials
from stock_ops.kit.errors import CorruptFileError, FolderError, OpsError

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


class Place:
    """A machine with its files."""

    def __init__(self, folder: Path) -> None:
        self.file, self.profiles = folder / "backup-credentials.toml", folder / "aws"

    def find(
        self, environ: dict[str, str] | None = None, source: CredentialSource = "auto", profile: str = ""
    ) -> Found:
        environ = {"AWS_SHARED_CREDENTIALS_FILE": str(self.profiles), **(environ or {})}
        return find_credentials(Origin(self.file, source, profile, environ))

    def keys(self, *given: object, **named: object) -> Credentials | None:
        found = self.find(*given, **named)  # type: ignore[arg-type] # passed on as they are
        return found.read() if found.read else None

    def write(self, text: str, mode: int = 0o600) -> None:
        self.file.write_text(text)
        self.file.chmod(mode)

    def refusal(self, *given: object, **named: object) -> OpsError:
        with pytest.raises(OpsError) as caught:
            self.keys(*given, **named)
        return caught.value


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_first_that_is_there_counts(place: Place) -> None:
    assert "no keys" in place.refusal().why
    assert place.find({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}).told == "the web identity"
    assert place.find({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}).told == "the container's role"
    place.profiles.write_text("[default]\naws_access_key_id = p\naws_secret_access_key = q\n")
    assert place.keys({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}) == Credentials("p", "q")
    assert place.keys(ENVIRONMENT) == Credentials("a", "b")
    place.write('access_key_id = "c"\nsecret_access_key = "d"\n')
    assert place.keys(ENVIRONMENT) == Credentials("c", "d")


def test_a_session_token_belongs_to_its_keys_alone(place: Place) -> None:
    """The environment's token would spoil the keys of the file."""
    environment = ENVIRONMENT | {"AWS_SESSION_TOKEN": "t"}
    assert place.keys(environment) == Credentials("a", "b", "t")
    place.write('access_key_id = "c"\nsecret_access_key = "d"\n')
    assert place.keys(environment) == Credentials("c", "d", "")
    place.write('access_key_id = "c"\nsecret_access_key = "d"\nsession_token = "e"\n')
    assert place.keys(environment) == Credentials("c", "d", "e")


def test_what_is_named_is_taken_and_nothing_else(place: Place) -> None:
    place.write('access_key_id = "c"\nsecret_access_key = "d"\n')
    assert place.keys(ENVIRONMENT, source="environment") == Credentials("a", "b")
    identity = place.find(ENVIRONMENT, source="identity")
    assert (identity.told, identity.read) == ("the instance's role", None)
    place.file.unlink()
    assert str(place.file) in place.refusal(ENVIRONMENT, source="file").why
    assert "environment" in place.refusal(source="environment").why


def test_a_profile_is_read_by_its_name(place: Place) -> None:
    place.profiles.write_text(
        "[default]\naws_access_key_id = p\naws_secret_access_key = q\n"
        "[backups]\naws_access_key_id=r\naws_secret_access_key=s%\naws_session_token=t\n"
        "[sso]\nsso_session = corp\n"
    )
    assert place.keys(source="profile") == Credentials("p", "q")
    assert place.keys({"AWS_PROFILE": "backups"}) == Credentials("r", "s%", "t")
    assert place.keys(ENVIRONMENT, profile="backups") == Credentials("r", "s%", "t")
    assert "there are: default, backups, sso" in place.refusal(profile="other").why
    sso = place.refusal(profile="sso")
    assert "sso_session" in sso.why
    assert "export-credentials" in sso.todo


def test_a_file_of_profiles_that_makes_no_sense_is_said_and_not_shown(place: Place) -> None:
    place.profiles.write_text("aws_secret_access_key = s3cr3t\n")
    error = place.refusal(source="profile")
    assert "line 1" in error.why
    assert "s3cr3t" not in error.why + error.todo


def test_keys_that_were_renewed_are_read_again(place: Place) -> None:
    place.write('access_key_id = "c"\nsecret_access_key = "d"\n')
    found = place.find()
    assert found.read is not None
    place.write('access_key_id = "new"\nsecret_access_key = "d"\n')
    assert found.read() == Credentials("new", "d")
    place.file.unlink()
    with pytest.raises(OpsError):
        found.read()


def test_keys_are_never_shown(place: Place) -> None:
    assert "secret" not in repr(Credentials("secret1", "secret2", "secret3"))
    place.write('access_key_id = "c"\nsecret_access_key = "s3cr3t"\nsession = 1\n')
    error = place.refusal()
    assert "s3cr3t" not in error.why + error.todo


def test_credentials_that_others_may_read_are_refused(place: Place) -> None:
    place.write('access_key_id = "c"\nsecret_access_key = "d"\n', mode=0o640)
    error = place.refusal()
    assert isinstance(error, FolderError)
    assert "may be read by others" in error.why


@pytest.mark.parametrize(
    "text", ['access_key_id = "c"', 'access_key_id = 1\nsecret_access_key = "d"', "x", "",
             'access_key_id = ""\nsecret_access_key = "d"'],
)  # fmt: skip
def test_half_of_the_credentials_is_an_error(place: Place, text: str) -> None:
    place.write(text)
    error = place.refusal(ENVIRONMENT)
    assert isinstance(error, CorruptFileError)
    assert not isinstance(error, CredentialsError)
