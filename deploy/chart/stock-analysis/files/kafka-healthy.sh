#!/usr/bin/env bash
# Whether the broker answers requests. This is the first one of every client, for the versions that it knows
# (ApiVersions 0, number 1); Kafka's own tool for it would start a JVM each time.
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/9092
printf '\0\0\0\12\0\22\0\0\0\0\0\1\377\377' >&3
# Behind the length of the answer: our number, and no error.
timeout 5 head -c 10 <&3 | tail -c 6 | cmp -s - <(printf '\0\0\0\1\0\0')
