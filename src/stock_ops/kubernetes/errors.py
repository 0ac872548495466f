"""The errors of the target kubernetes, each with its exit code."""

from pathlib import Path

from stock_ops.kit.errors import OpsError


class EnvironmentFileError(OpsError):
    """The environment file cannot be used."""

    exit_code = 2

    def __init__(self, path: Path | str, reason: str, todo: str) -> None:
        super().__init__(f"The environment {path} cannot be used: {reason}.", todo)


class ClusterError(OpsError):
    """The cluster does not answer, or refuses."""


class RefusedError(OpsError):
    """A check did not pass, so that nothing was changed."""

    exit_code = 5


class DeployRunsError(OpsError):
    """Another deploy of the same release is at work."""

    exit_code = 6

    def __init__(self, holder: str, seconds: float) -> None:
        super().__init__(
            f"Nothing was changed: another deploy of this release runs: {holder}, seen {seconds:.0f} s ago.",
            "Wait until it ends, then run this again. One that died lets go after a minute.",
        )


class _ExplainedError(OpsError):
    """A version did not come up; `details` says why."""

    def __init__(self, why: str, todo: str, details: tuple[str, ...]) -> None:
        super().__init__(why, todo)
        self.details = details


class UndoneError(_ExplainedError):
    """The new version did not come up; the old one serves."""

    exit_code = 7


class NotUndoneError(_ExplainedError):
    """The new version did not come up, and neither did the old one, or it could not be put back."""

    exit_code = 8
