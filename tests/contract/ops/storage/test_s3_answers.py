"""Each answer of a service has words of its own, whatever was asked, and says what to do."""

import time
from collections.abc import Callable, Iterator

import pytest

from stock_ops.storage.storage import (
    LockedObjectError,
    Storage,
    StorageError,
    read_bytes,
    write_bytes,
    write_once,
)
from tests.contract.ops.storage.answering import Answering, answering

pytestmark = pytest.mark.server

ACTS: dict[str, Callable[[Storage], object]] = {
    "write": lambda storage: write_bytes(storage, "a", b"x"),
    "write once": lambda storage: write_once(storage, "a", b"x"),
    "read": lambda storage: read_bytes(storage, "a"),
    "list": lambda storage: list(storage.list()),
    "head": lambda storage: storage.head("a"),
    "delete": lambda storage: storage.delete("a"),
}
_TIMES = "<RequestTime>20261129T120000Z</RequestTime><ServerTime>2026-11-29T10:00:00Z</ServerTime>"
_ELSEWHERE = "<Endpoint>backups.s3.eu-central-1.amazonaws.com</Endpoint>"
_CASES = [
    (403, "RequestTimeTooSkewed", "", "clock: it is more than 15 minutes wrong", "timedatectl"),
    (403, "RequestTimeTooSkewed", _TIMES, "clock: it is 2.0 h ahead of the service's", "timedatectl"),
    (400, "ExpiredToken", "", "session token has expired", "new session token"),
    (400, "InvalidToken", "", "does not know their session token", "session token"),
    (403, "InvalidAccessKeyId", "", "no access key of that id", "access_key_id"),
    (403, "SignatureDoesNotMatch", "", "secret does not fit", "secret_access_key"),
    (403, "AccessDenied", "", "refuses the keys the right to", "policy"),
    (403, "AllAccessDisabled", "", "refuses the account", "provider"),
    (301, "PermanentRedirect", "", "another region", "s3_region"),
    (400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>", "region: eu-west-1", "s3_region"),
    (400, "IllegalLocationConstraintException", _ELSEWHERE, "region: eu-central-1", "s3_region"),
    (503, "SlowDown", "", "asks for fewer requests", "tried again"),
    (429, "TooManyRequests", "", "asks for fewer requests", "tried again"),
    (500, "InternalError", "", "error of its own", "status page"),
    (400, "RequestTimeout", "", "does not answer in time", "network"),
    (404, "NoSuchBucket", "", "There is no bucket backups", "Make it"),
    (507, "XMinioStorageFull", "", "is full", "prune"),
    (403, "QuotaExceeded", "", "is full", "quota"),
    (403, "InvalidObjectState", "", "thawed first", "RestoreObject"),
    (400, "KMS.DisabledException", "", "encryption key", "KMS"),
    (400, "BadDigest", "", "other bytes than were sent", "memory"),
    (400, "SomethingNew", "", "fails (SomethingNew, Told)", "manual"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    with answering() as found:
        yield found


def refusal(server: Answering, act: str) -> StorageError:
    with pytest.raises(StorageError) as caught:
        ACTS[act](server.storage())
    assert "AKID" not in caught.value.why + caught.value.todo
    assert "s3cr3t" not in caught.value.why + caught.value.todo
    return caught.value


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("status", "code", "more", "why", "todo"), _CASES)
def test_a_code_has_its_own_words(
    server: Answering, act: str, status: int, code: str, more: str, why: str, todo: str
) -> None:
    server.fail(status, code, more=more)
    error = refusal(server, act)
    # A redirect without a place to go is not read to its end by the client.
    expected = "another region" if status == 301 or (act == "head" and "region" in why) else why
    assert expected in error.why
    assert todo in error.todo


@pytest.mark.parametrize(("act", "right"), [
    ("write", "s3:PutObject"), ("read", "s3:GetObject"), ("list", "s3:ListBucket"),
    ("delete", "s3:DeleteObject"),
])  # fmt: skip
def test_a_right_that_is_missing_is_named(server: Answering, act: str, right: str) -> None:
    server.fail(403, "AccessDenied")
    assert right in refusal(server, act).why


@pytest.mark.parametrize(("status", "why"), [
    (403, "refuses the keys"), (429, "fewer requests"), (502, "error of its own"), (503, "fewer requests"),
    (504, "in time"), (507, "is full"), (418, "fails"),
])  # fmt: skip
def test_an_answer_without_a_body_is_read_by_its_status(server: Answering, status: int, why: str) -> None:
    server.fail(status)
    for act in ("write", "head", "list"):
        assert why in refusal(server, act).why


@pytest.mark.parametrize(("status", "code", "message"), [
    (403, "AccessDenied", "Access Denied because object protected by object lock."),
    (400, "InvalidRequest", "Object is WORM protected and cannot be overwritten"),
    (403, "RetentionPolicyNotMet", "Object is subject to bucket's retention policy."),
    (403, "ObjectUnderActiveHold", "Object is under active Temporary hold."),
    (409, "FileImmutable", "The object you specified is immutable."),
])  # fmt: skip
def test_what_a_retention_keeps_is_said_to_be_kept_and_not_asked_for_again(
    server: Answering, status: int, code: str, message: str
) -> None:
    for act, todo in (("delete", "Nothing to do"), ("write", "versioning")):
        server.fail(status, code, message)
        server.asked.clear()
        error = refusal(server, act)
        assert isinstance(error, LockedObjectError)
        assert todo in error.todo
        assert len(server.asked) == 1


def test_a_delete_that_is_refused_object_by_object_is_read_too(server: Answering) -> None:
    """The request succeeds; the refusal stands in its answer."""
    server.say(
        "<DeleteResult><Error><Key>ours/a</Key><Code>AccessDenied</Code>"
        "<Message>Access Denied because object protected by object lock.</Message></Error></DeleteResult>"
    )
    assert isinstance(refusal(server, "delete"), LockedObjectError)
    server.body = server.body.replace(" because object protected by object lock.", "")
    error = refusal(server, "delete")
    assert not isinstance(error, LockedObjectError)
    assert "s3:DeleteObject" in error.why


def test_a_missing_bucket_is_not_taken_for_a_missing_object(server: Answering) -> None:
    server.fail(404, "NoSuchKey")
    assert server.storage().head("a") is None
    server.fail(404, "NoSuchBucket")
    assert "no bucket" in refusal(server, "head").why


def test_an_overloaded_service_is_asked_a_few_times_and_no_more(server: Answering) -> None:
    server.fail(503, "SlowDown")
    server.asked.clear()
    begun = time.monotonic()
    refusal(server, "write")
    assert len(server.asked) == 4
    assert time.monotonic() - begun < 10


def test_a_service_that_knows_no_conditional_writes_is_written_to_all_the_same(server: Answering) -> None:
    """It answers 501 to the header, and would take the object without it."""
    server.fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
    server.decide = lambda method, _, headers: (
        None if "if-none-match" in headers else (404 if method in ("HEAD", "GET") else 200, "")
    )
    try:
        write_once(server.storage(), "a", b"x")
        method, path, headers = server.asked[-1]
        assert (method, path, "if-none-match" in headers) == ("PUT", "/backups/ours/a", False)
        server.decide = lambda *asked: None if "if-none-match" in asked[2] else (200, "")
        assert not server.storage().keeps_first("a")
    finally:
        server.decide = None


def test_a_bucket_that_keeps_versions_shows_it(server: Answering) -> None:
    server.say("")
    storage, seen = server.storage(), []
    for version in ("", "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY.MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"):
        server.headers = {"x-amz-version-id": version} if version else {}
        seen.append(storage.keeps_versions)
        storage.head("a")
    server.headers = {}
    assert [*seen, storage.keeps_versions] == [None, False, True]
