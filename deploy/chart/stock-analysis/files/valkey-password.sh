#!/bin/sh
# Let the running Valkey know the passwords in its file, and no other: one, or two while it is changed. It signs in
# with any of them. They go through a pipe, which no list of processes shows; the answers are not shown, either.
set -eu
{
    while read -r password; do printf 'AUTH %s\n' "$password"; done </run/secrets/valkey
    printf 'ACL SETUSER default resetpass'
    while read -r password; do printf ' >%s' "$password"; done </run/secrets/valkey
    echo
} | valkey-cli >/tmp/password.out
# The last answer is that of ACL SETUSER.
[ "$(tail -n 1 /tmp/password.out)" = OK ] || { echo 'Valkey refuses to change its password' >&2; exit 1; }
