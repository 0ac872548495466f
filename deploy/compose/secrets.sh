#!/usr/bin/env bash
# deploy/compose/secrets.sh FOLDER: draw the secrets that are not there yet, one file each; none is printed.
set -euo pipefail
if (($# != 1)); then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
umask 027
mkdir -p "$1"
for name in database_superuser_password database_password valkey_password; do
    [[ -s $1/$name ]] && continue
    # Written whole under another name first: a half of a password must never be used.
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$1/.$name.new"
    chmod 640 "$1/.$name.new"
    mv "$1/.$name.new" "$1/$name"
    echo "drawn: $name"
done
echo "STOCK_SECRETS_GID=$(stat -c %g "$1/database_password")"
