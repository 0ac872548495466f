# In place of an S3 service: nanio, on a folder.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY requirements/dev.txt requirements/run.txt tests/containers/standins/only.awk /standin/
RUN for name in nanio starlette uvicorn aiofiles anyio defusedxml click h11 idna typing-extensions httptools; do \
        awk -v name="$name" -f /standin/only.awk /standin/dev.txt >/standin/found.txt; \
        [ -s /standin/found.txt ] || awk -v name="$name" -f /standin/only.awk /standin/run.txt >/standin/found.txt; \
        cat /standin/found.txt >>/standin/lock.txt; \
    done; \
    python3 -m pip install -q --no-cache-dir --require-hashes --no-deps --target /standin/packages -r /standin/lock.txt; \
    install -d -m 1777 /data /data/backups  # the bucket
ENV PYTHONPATH=/standin/packages PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["python3", "-c", "from nanio.cli import main; main()"]
