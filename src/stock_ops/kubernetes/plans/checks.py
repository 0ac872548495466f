"""What must hold before anything of a release is changed, each check with a name. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stock_ops.kit.secret_names import SECRET_NAMES
from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.plans.diff import is_hook, name_of
from stock_ops.kubernetes.plans.quantities import amount, asked_for, containers_of, shown
from stock_ops.kubernetes.plans.record import ahead_of, newest_schema

OK, WARNING, FAILED = "ok", "warning", "failed"
_PINNED = re.compile(r"@sha256:[0-9a-f]{64}$")
_PHASES = ("pre-upgrade", "post-upgrade")


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and how it is."""

    name: str
    state: str
    detail: str
    todo: str = ""


def check_images(documents: Sequence[Object], *, tags: bool) -> Check:
    """Each by its digest; by a tag where the environment allows it."""
    images = images_of(documents)
    loose = [one for one in images if not _PINNED.search(one)]
    if loose and not tags:
        return Check(
            "digest",
            FAILED,
            f"not pinned: {', '.join(loose)}",
            "Give each image as NAME@sha256:..., see --image.",
        )
    if loose:
        return Check("digest", WARNING, f"by tag alone, as image.allowTag allows: {', '.join(loose)}")
    return Check("digest", OK, f"{len(images)} image{'s' * (len(images) != 1)}, each by its digest")


def images_of(documents: Sequence[Object]) -> list[str]:
    """Each once."""
    return sorted({container["image"] for one in documents for container in containers_of(one)})


def check_objects(refused: Mapping[str, str], count: int) -> Check:
    """refused: what the API said against an object, by the object's name."""
    if refused:
        told = "; ".join(f"{name}: {why}" for name, why in list(refused.items())[:3])
        return Check(
            "schema",
            FAILED,
            f"the cluster refuses {len(refused)} of {count} objects: {told}",
            "Correct the values.",
        )
    return Check("schema", OK, f"the cluster would take all {count} objects (server-side dry run)")


def check_namespace(namespace: Object | None, name: str) -> Check:
    """It is there, and refuses pods that may be root."""
    if namespace is None:
        todo = "Make it with its secrets: stockops secrets push --target kubernetes --help"
        return Check("namespace", FAILED, f"there is no namespace {name}", todo)
    labels = namespace["metadata"].get("labels") or {}
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        todo = f"kubectl label namespace {name} pod-security.kubernetes.io/enforce=restricted"
        return Check("namespace", WARNING, f"{name} does not enforce Pod Security `restricted`", todo)
    return Check("namespace", OK, f"{name}, Pod Security `restricted` enforced")


def check_secrets(keys: Mapping[str, bool] | None, name: str, *, external: bool) -> Check:
    """keys: of the Secret, and whether each holds something."""
    todo = "Bring them: stockops secrets push --target kubernetes --help"
    if keys is None and external:
        return Check("secrets", WARNING, f"{name} is not there yet; External Secrets makes it")
    if keys is None:
        return Check("secrets", FAILED, f"there is no Secret {name}", todo)
    missing = [
        one.name for one in SECRET_NAMES if one.name not in keys or not (keys[one.name] or one.optional)
    ]
    if missing:
        return Check("secrets", FAILED, f"{name} lacks {', '.join(missing)}", todo)
    return Check("secrets", OK, f"{name} has all {len(SECRET_NAMES)} keys")


def check_backup_key(keys: Mapping[str, bool] | None, name: str, *, bucket: bool) -> Check:
    """keys: of the Secret with the key of the backups."""
    needed = ("key", "recipient", "authentication", *(("credentials",) if bucket else ()))
    missing = [one for one in needed if not (keys or {}).get(one)]
    if missing:
        there = f"{name} lacks {', '.join(missing)}" if keys is not None else f"there is no Secret {name}"
        todo = "Bring it: stockops secrets push --target kubernetes --help"
        return Check("backup key", FAILED, there, todo)
    return Check("backup key", OK, f"{name} has it")


def check_quota(documents: Sequence[Object], others: Sequence[Object]) -> Check:
    """What the pods ask for at their most, while one more of each starts, against all quotas.

    others: those that are in the namespace and are not of the release.
    """
    asked = asked_for(documents)
    quotas = [*[one for one in documents if one["kind"] == "ResourceQuota"], *others]
    if not quotas:
        return Check("quota", OK, "the namespace has none")
    over = [
        f"{key}: {shown(key, asked[key])} asked for, {shown(key, amount(most))} allowed by {name}"
        for one in quotas
        for name in [one["metadata"]["name"]]
        for key, most in one["spec"]["hard"].items()
        if key in asked and asked[key] > amount(most) * (1 + 1e-9)
    ]
    if over:
        return Check(
            "quota",
            FAILED,
            "; ".join(over),
            "Ask for less, let an HPA have fewer pods at most, or raise quota.hard.",
        )
    told = ", ".join(
        f"{shown(key, asked[key])} {key}" for key in ("requests.cpu", "requests.memory") if key in asked
    )
    return Check("quota", OK, f"at most {told}, within the quota")


def check_migrations(
    documents: Sequence[Object], records: Sequence[Mapping[str, Any]], pre: int, post: int, *, upgrade: bool
) -> Check:
    """pre, post: the newest migrations of the version that is deployed."""
    if not upgrade:
        return Check("migrations", OK, f"a first install: all, to {pre:04d}")
    hooks = {
        (one["metadata"].get("annotations") or {}).get("helm.sh/hook")
        for one in documents
        if one["kind"] == "Job" and "migrate" in one["metadata"]["name"] and is_hook(one)
    }
    if not hooks.issuperset(_PHASES):
        return Check(
            "migrations",
            FAILED,
            "the chart has no Job before and after the rollout",
            "Use the chart as it is.",
        )
    known_pre, known_post = newest_schema(records)
    if newer := ahead_of(records, post):
        todo = "Deploy a version that has it; to go back further, restore a backup."
        return Check(
            "migrations", FAILED, f"post migration {newer:04d} was applied, which this version lacks", todo
        )
    before = f"before: {known_pre:04d} to {pre:04d}" if pre > known_pre else "before: none"
    after = f"after: {known_post:04d} to {post:04d}" if post > known_post else "after: none"
    if not records:
        before, after = f"before: to {pre:04d}", f"after: to {post:04d}; no deploy is recorded yet"
    return Check("migrations", OK, f"{before}; {after}")


def check_backup(within_h: int, age_s: float | None, how: str) -> Check:
    """age_s: of the newest backup; None where none is known. how: where that was looked for."""
    if not within_h:
        return Check("backup", WARNING, "the environment does not ask for one (deploy.backupWithinHours)")
    if age_s is None:
        todo = "Make one, or set deploy.backupWithinHours to 0 and answer for it."
        return Check("backup", FAILED, f"no backup is known ({how})", todo)
    if age_s > within_h * 3600:
        told = f"the newest is {age_s / 3600:.1f} h old, at most {within_h} h are allowed ({how})"
        return Check("backup", FAILED, told, "Make one first.")
    return Check("backup", OK, f"the newest is {age_s / 3600:.1f} h old ({how})")


def failed(checks: Sequence[Check]) -> list[Check]:
    """Those that did not pass."""
    return [one for one in checks if one.state == FAILED]


def dry_run_body(document: Object) -> Object:
    """An object as a dry run asks for it: what a hook makes anew each time, under a name of its own."""
    if not (is_hook(document) or document["kind"] == "Job"):
        return document
    metadata = {**document["metadata"], "name": f"{document['metadata']['name'][:52]}-dry-run"}
    return {**document, "metadata": metadata}


def label(document: Object) -> str:
    """How a check names it."""
    return name_of(document)
