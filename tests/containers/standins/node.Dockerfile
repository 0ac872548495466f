ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY requirements/node.txt /requirements/
RUN python3 -m pip install -q --no-cache-dir --break-system-packages --require-hashes --no-deps -r /requirements/node.txt
# Where Node's own image has it.
ENV NPM_CONFIG_GLOBALCONFIG=/usr/local/etc/npmrc
