#!/bin/sh
# A broker that is its own controller (KRaft). Its number is that of its pod; all share one cluster id, so that a start
# after a crash finds the storage as its own.
set -eu
ordinal=${POD##*-}
{
    cat /etc/stock-analysis/server.properties
    echo "node.id=$((ordinal + 1))"
    echo "advertised.listeners=PLAINTEXT://$POD.$SERVICE:9092"
} >/tmp/server.properties
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER_ID" --config /tmp/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
