#!/bin/sh
# One broker that is its own controller (KRaft); its storage is formatted at the first start.
set -eu
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --standalone \
    --cluster-id "$(/opt/kafka/bin/kafka-storage.sh random-uuid)" --config /etc/stock-analysis/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /etc/stock-analysis/server.properties
