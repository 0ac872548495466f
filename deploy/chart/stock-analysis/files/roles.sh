#!/bin/sh
# The database roles, their rights, and their passwords as the files say; no superuser among them but postgres.
# With names: the passwords of these roles alone. The image's entry point runs this on a new database, `stockops` on
# one that is there: a second run changes nothing.
# psql makes the verifiers: no statement, no list of processes and no log shows a password.
set -eu
if [ $# -eq 0 ]; then
    psql -v ON_ERROR_STOP=1 --quiet -U postgres -d stock_analysis -f /etc/stock-analysis/roles.sql
    cd /run/secrets
    set -- *
fi
for role in "$@"; do
    password=$(head -n 1 "/run/secrets/$role")
    # Without a terminal it reads its standard input.
    printf '%s\n%s\n' "$password" "$password" |
        setsid psql --quiet -U postgres -d stock_analysis -c "\\password $role" 2>/tmp/password.err ||
        { cat /tmp/password.err >&2; exit 1; }
done
