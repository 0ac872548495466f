#!/bin/sh
# Valkey with the password from its file, which neither its arguments nor its environment show. While the password
# is changed, the file has two lines, and both are valid.
set -eu
umask 077
{
    cat /etc/stock-analysis/valkey.conf
    printf 'user default on sanitize-payload ~* &* +@all'
    while read -r password; do printf ' >%s' "$password"; done </run/secrets/valkey
    echo
} >/tmp/valkey.conf
exec valkey-server /tmp/valkey.conf
