"""How many examples the slow property tests of the operations try.

PROPERTY_EXAMPLES says how many, for a long run; the defaults keep the suite quick. See CONTRIBUTING.md.
"""

import os

from hypothesis import HealthCheck, settings


def slow(examples: int) -> settings:
    """Settings of a test whose examples take milliseconds each; examples: the default."""
    return settings(
        deadline=None,
        max_examples=int(os.environ.get("PROPERTY_EXAMPLES", examples)),
        suppress_health_check=[HealthCheck.too_slow],
    )
