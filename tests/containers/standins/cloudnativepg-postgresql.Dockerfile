# In place of ghcr.io/cloudnative-pg/postgresql: Debian's PostgreSQL 17, which has TLS, with its programs on the path.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
RUN install -d /etc/postgresql-common && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf && \
    apt-get -q update && \
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold postgresql-17 && \
    apt-get clean && rm -rf /var/lib/apt/lists/* && \
    usermod --uid 26 postgres && chown -R postgres /var/lib/postgresql /var/run/postgresql
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 26
