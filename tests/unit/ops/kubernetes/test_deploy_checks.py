"""What is refused before a release is changed, and what a rollback must not do."""

from typing import Any

import pytest

from stock_ops.kit.secret_names import SECRET_NAMES
from stock_ops.kubernetes.plans.checks import (
    check_backup,
    check_images,
    check_migrations,
    check_namespace,
    check_objects,
    check_quota,
    check_secrets,
    dry_run_body,
)
from stock_ops.kubernetes.plans.quantities import amount, asked_for
from stock_ops.kubernetes.plans.record import ahead_of, newest_schema, next_number, of_revision

PINNED = f"a/b@sha256:{'0' * 64}"


def deployment(name: str = "a", *, replicas: int | None = 2, image: str = PINNED) -> dict[str, Any]:
    container = {
        "image": image,
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    }
    spec: dict[str, Any] = {"template": {"spec": {"containers": [container]}}}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def scaler(name: str, most: int) -> dict[str, Any]:
    spec = {"scaleTargetRef": {"name": name}, "maxReplicas": most}
    return {"kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": spec}


def quota(**hard: str) -> dict[str, Any]:
    return {"kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}


def hook(when: str) -> dict[str, Any]:
    metadata = {"name": f"s-migrate-{when}", "annotations": {"helm.sh/hook": when}}
    return {"kind": "Job", "metadata": metadata, "spec": {"template": {"spec": {"containers": []}}}}


HOOKS = [hook("pre-upgrade"), hook("post-upgrade")]


def record(
    number: int, revision: int, outcome: str = "deployed", pre: int = 10, post: int = 5
) -> dict[str, Any]:
    return {"number": number, "revision": revision, "outcome": outcome, "pre": pre, "post": post}


@pytest.mark.parametrize(
    ("text", "number"), [("500m", 0.5), ("2", 2), (3, 3), ("1Gi", 2**30), ("1G", 1e9), ("1.5", 1.5)]
)
def test_amounts_are_read(text: str, number: float) -> None:
    assert amount(text) == number


def test_pods_are_counted_at_their_most_with_one_more_while_a_version_takes_over() -> None:
    asked = asked_for([deployment("a", replicas=None), scaler("a", 4), deployment("b", replicas=2)])
    assert asked["pods"] == (4 + 1) + (2 + 1)
    assert asked["requests.cpu"] == pytest.approx(8 * 0.5)


def test_a_container_that_stays_beside_another_is_counted_and_one_that_ends_is_not() -> None:
    one = deployment("a", replicas=1)
    pod = one["spec"]["template"]["spec"]
    resources = {"requests": {"cpu": "1"}}
    pod["initContainers"] = [
        {"image": PINNED, "resources": resources, "restartPolicy": "Always"},
        {"image": PINNED, "resources": resources},
    ]
    assert asked_for([one])["requests.cpu"] == pytest.approx(2 * (0.5 + 1))


def test_a_quota_that_would_be_spent_is_named_with_both_amounts() -> None:
    told = check_quota([deployment(), quota(**{"requests.cpu": "1"})], [])
    assert told.state == "failed"
    assert "1.5 asked for, 1 allowed by q" in told.detail
    assert check_quota([deployment(), quota(**{"requests.cpu": "2"})], []).state == "ok"
    assert check_quota([deployment()], [quota(pods="1")]).state == "failed"


def test_an_image_without_digest_is_refused_unless_tags_are_allowed() -> None:
    loose = [deployment(image="a/b:1")]
    assert check_images(loose, tags=False).state == "failed"
    assert check_images(loose, tags=True).state == "warning"
    assert check_images([deployment()], tags=False).state == "ok"


def test_a_namespace_that_lets_root_in_is_a_warning_and_a_missing_one_a_refusal() -> None:
    assert check_namespace(None, "n").state == "failed"
    assert check_namespace({"metadata": {}}, "n").state == "warning"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    assert check_namespace({"metadata": {"labels": labels}}, "n").state == "ok"


def test_a_key_that_is_missing_or_empty_is_named() -> None:
    keys = dict.fromkeys((one.name for one in SECRET_NAMES), True)
    assert check_secrets(keys, "s", external=False).state == "ok"
    assert check_secrets({**keys, "api_key_pepper": False}, "s", external=False).state == "ok"
    assert "valkey" in check_secrets({**keys, "valkey": False}, "s", external=False).detail
    assert check_secrets(None, "s", external=False).state == "failed"
    assert check_secrets(None, "s", external=True).state == "warning"


def test_what_the_cluster_refuses_is_told() -> None:
    told = check_objects({"Pod/a": "no"}, 3)
    assert told.state == "failed"
    assert "1 of 3 objects: Pod/a: no" in told.detail


def test_a_backup_that_is_asked_for_must_be_young() -> None:
    assert check_backup(0, None, "x").state == "warning"
    assert check_backup(24, None, "x").state == "failed"
    assert check_backup(24, 25 * 3600, "x").state == "failed"
    assert check_backup(24, 23 * 3600, "x").state == "ok"


def test_a_version_that_lacks_a_post_migration_is_refused() -> None:
    records = [record(1, 1), record(2, 2, post=7)]
    assert check_migrations(HOOKS, records, 12, 7, upgrade=True).detail == "before: 0010 to 0012; after: none"
    assert check_migrations(HOOKS, records, 12, 6, upgrade=True).state == "failed"
    assert check_migrations(HOOKS[:1], [], 12, 6, upgrade=True).state == "failed"
    assert check_migrations([], [], 12, 6, upgrade=False).state == "ok"


def test_a_deploy_that_was_undone_applied_no_post_migration() -> None:
    records = [record(1, 1), record(2, 2, "undone", pre=11, post=8)]
    assert newest_schema(records) == (11, 5)
    assert ahead_of(records, 5) is None
    assert ahead_of([*records, record(3, 3, post=8)], 5) == 8


def test_the_newest_record_of_a_revision_counts() -> None:
    records = [record(1, 1), record(2, 1, "rolled back")]
    found = of_revision(records, 1)
    assert found is not None
    assert found["number"] == 2
    assert of_revision(records, 9) is None
    assert next_number(records) == 3
    assert next_number([]) == 1


def test_a_hook_is_tried_under_a_name_of_its_own() -> None:
    assert dry_run_body(HOOKS[0])["metadata"]["name"] == "s-migrate-pre-upgrade-dry-run"
    assert dry_run_body(deployment())["metadata"]["name"] == "a"
