#!/bin/sh
# Once, when the database is made: the role of the platform, which is no superuser and owns its database.
# The password goes from its file into psql, so that no list of processes shows it.
set -eu
psql -v ON_ERROR_STOP=1 --quiet -U postgres -d "$POSTGRES_DB" <<'SQL'
\set password `cat /run/secrets/database_password`
CREATE ROLE stock_analysis LOGIN PASSWORD :'password';
ALTER DATABASE stock_analysis OWNER TO stock_analysis;
REVOKE CONNECT, TEMPORARY ON DATABASE stock_analysis FROM PUBLIC;
ALTER SCHEMA public OWNER TO stock_analysis;
SQL
