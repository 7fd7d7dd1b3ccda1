# The data plane: the proxy package and a Redis client, nothing else.
# Build from the project's root: docker build -f docker/proxy.Dockerfile -t openclb-proxy .
FROM python:3.11-slim

WORKDIR /app
COPY requirements/proxy.txt requirements/proxy.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/proxy.txt

COPY proxy proxy
COPY docker/proxy-entrypoint.sh /usr/local/bin/proxy-entrypoint

RUN useradd --system --uid 10001 openclb && install -d -m 0700 -o openclb /data
USER openclb
VOLUME /data
ENV OPENCLB_DATA_DIR=/data PYTHONUNBUFFERED=1
ENTRYPOINT ["proxy-entrypoint"]
