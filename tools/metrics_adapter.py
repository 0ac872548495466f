"""Prometheus Adapter, and a Prometheus that finds pods: both programs out of their Go modules.

Debian's Prometheus knows no Kubernetes, and the images of both cannot be had without a registry.
"""

from collections.abc import Mapping
from pathlib import Path

from tools.go_modules import Module, build, fetch

PROMETHEUS = Module(
    "github.com/prometheus/prometheus@v0.312.0", "h1:f9jdv2fQhQ1fks9a9YwlGZrKr4hih0rRP/rh0mu3Q18="
)
"""Version 3.12.0: its numbers as a module are others."""
ADAPTER = Module("sigs.k8s.io/prometheus-adapter@v0.12.0", "h1:e29A6BIwA/NKxPZeuamBMHJsvz0sSUXTb92Obg7RMV4=")


def build_both(folder: Path, environ: Mapping[str, str]) -> dict[str, Path]:
    """`prometheus` and `adapter` in the folder. Raises as `go_modules.fetch` and `build` do."""
    programs = {name: folder / name for name in ("prometheus", "adapter")}
    only = ("remove_all_sd", "enable_kubernetes_sd")
    build(fetch(PROMETHEUS, environ), "./cmd/prometheus", programs["prometheus"], environ, tags=only)
    build(fetch(ADAPTER, environ), "./cmd/adapter", programs["adapter"], environ)
    return programs
