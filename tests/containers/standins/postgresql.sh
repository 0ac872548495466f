#!/usr/bin/env bash
# What the entry point of PostgreSQL's own image does with the variables that our compose file sets.
set -euo pipefail
options=("${@:2}")
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    # shellcheck disable=SC2086  # a list of options, as in the real image
    initdb -D "$PGDATA" -U postgres --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -w start -o "$(printf '%q ' "${options[@]}") -c listen_addresses="
    createdb -U postgres "$POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sh; do
        sh "$script"
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec postgres -D "$PGDATA" "${options[@]}"
