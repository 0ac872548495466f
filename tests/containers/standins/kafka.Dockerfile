# In place of apache/kafka: the broker's own jars from Maven Central on Debian's Java.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
# The stand-in of the base image has no manual pages, and Java's package expects their folder.
RUN mkdir -p /usr/share/man/man1 && apt-get -q update && \
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends openjdk-21-jre-headless && \
    apt-get clean && rm -rf /var/lib/apt/lists/* && \
    useradd --uid 1000 appuser && install -d -o appuser -g appuser /var/lib/kafka/data
COPY build/kafka/ /opt/kafka/libs/
COPY --chmod=755 tests/containers/standins/kafka/bin/ /opt/kafka/bin/
