"""Make lists of parts the same in each build of a commit: python3 sbom.py FILE...

Out go the random serial number and the time, where packages were fetched from, and paths of the builder.
"""

import json
import sys
from pathlib import Path
from typing import Any

ELSEWHERE = ("distribution", "distribution-intake")


def stable(document: dict[str, Any]) -> dict[str, Any]:
    """A CycloneDX document without what differs between two builds."""
    document.pop("serialNumber", None)
    document.get("metadata", {}).pop("timestamp", None)
    for component in document.get("components", []):
        kept = [one for one in component.get("externalReferences", []) if one["type"] not in ELSEWHERE]
        component["externalReferences"] = kept
        component["properties"] = [
            one for one in component.get("properties", []) if not one["name"].endswith(":path")
        ]
    return document


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(json.dumps(stable(json.loads(file.read_text())), indent=1, sort_keys=True) + "\n")
