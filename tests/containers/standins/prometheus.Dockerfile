# In place of prom/prometheus: the programs of Debian's package, as this machine has them.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY build/containers/prometheus/ /bin/
RUN install -d -o 65534 -g 65534 /prometheus
ENTRYPOINT ["/bin/prometheus"]
