"""Objects of Kubernetes as their JSON is."""

from typing import Any

Object = dict[str, Any]
