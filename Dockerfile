# The service on its own: non-root, data in the volume /data.
#
#   docker build -t webrtc-signaling .
#   docker run -p 8000:8000 -v signaling-data:/data -e API_KEY=... --stop-timeout 30 webrtc-signaling
#
# With REDIS_URL (-e REDIS_URL=redis://...) any number of containers share their rooms, and the volume is not used;
# docs/deploy.md shows it.
#
# On SIGTERM the service first tells its clients to come back; --stop-timeout (10 s if not given) should be more than
# DRAIN_SECONDS.

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements-build.lock requirements-runtime.lock ./
# The environment gets no pip of its own: nothing is installed once the image is made.
RUN python -m venv --without-pip /opt/signaling \
 && pip --no-cache-dir --disable-pip-version-check install --require-hashes -r requirements-build.lock \
 && pip --no-cache-dir --disable-pip-version-check --python /opt/signaling install --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY service service
RUN pip --no-cache-dir --disable-pip-version-check wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --no-cache-dir --disable-pip-version-check --python /opt/signaling install --no-deps dist/*.whl

FROM python:3.13-slim
# A fixed number, so that a volume made by one image can be used by the next.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin signaling \
 && install --directory --owner signaling --mode 700 /data
COPY --from=build /opt/signaling /opt/signaling
ENV PATH=/opt/signaling/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data \
    LOG_FORMAT=json
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Without proxies: an http_proxy of the container is not for this.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --start-interval=1s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:%s/health' % (os.environ.get('PORT') or '8000'), timeout=4)"]
CMD ["python", "-m", "signaling"]
