# The control plane: web, worker, worker-health, beat and setup run from this one image.
# Build from the project's root: docker build -f docker/web.Dockerfile -t openclb-control .
FROM python:3.11-slim

WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.txt

COPY manage.py manage.py
COPY console console
COPY balancer balancer
COPY proxy proxy
COPY templates templates
COPY static static
COPY docker/control-entrypoint.sh /usr/local/bin/control-entrypoint

RUN useradd --system --uid 10001 openclb && install -d -m 0700 -o openclb /data
USER openclb
VOLUME /data
ENV OPENCLB_DATA_DIR=/data OPENCLB_HTTP=0.0.0.0:8000 PYTHONUNBUFFERED=1
EXPOSE 8000
ENTRYPOINT ["control-entrypoint"]
CMD ["process", "web"]
