#!/bin/sh
# Valkey with the password from its file, which neither its arguments nor its environment show.
set -eu
umask 077
{
    cat /etc/stock-analysis/valkey.conf
    printf 'requirepass "%s"\n' "$(cat /run/secrets/valkey_password)"
} >/tmp/valkey.conf
exec valkey-server /tmp/valkey.conf
