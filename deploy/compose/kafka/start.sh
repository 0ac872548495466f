#!/bin/sh
# One broker that is its own controller (KRaft). Its cluster's id is drawn at the first start and kept, so that
# a start after a crash finds the storage as its own, also one that was formatted by half.
set -eu
id=/var/lib/kafka/data/cluster-id
if [ ! -s "$id" ]; then
    # 16 random bytes, as kafka-storage.sh random-uuid writes them, but without a JVM.
    head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c 1-22 >"$id.new"
    mv "$id.new" "$id"
fi
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --standalone \
    --cluster-id "$(cat "$id")" --config /etc/stock-analysis/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /etc/stock-analysis/server.properties
