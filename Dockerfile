# Builds the wheel from this checkout, front end included, and installs it beside the locked dependencies.
FROM python:3.13-slim AS build
# requirements-otel.txt: with what makes traces (docs/monitoring.md); requirements-s3.txt: with what keeps files in a bucket (docs/files.md).
ARG LOCK=requirements.txt
WORKDIR /src
COPY requirements-build.txt requirements.txt requirements-otel.txt requirements-s3.txt ./
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes --requirement requirements-build.txt \
 && python -m venv /opt/chatserver \
 && /opt/chatserver/bin/pip install --no-cache-dir --require-hashes --requirement ${LOCK}
COPY . .
# There is no Node in this image: scripts/front_end.py installs its locked one where the build's Python is.
RUN /opt/build/bin/python scripts/front_end.py build \
 && /opt/build/bin/python -m hatchling build --target wheel --directory /wheel \
 && /opt/chatserver/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.13-slim
COPY --from=build /opt/chatserver /opt/chatserver
RUN useradd --system --uid 10001 --home-dir /var/lib/chatserver --create-home chatserver \
 && install --directory --mode=0700 --owner=chatserver --group=chatserver /var/lib/chatserver/files
USER 10001
WORKDIR /var/lib/chatserver
ENV PATH=/opt/chatserver/bin:$PATH HOST=0.0.0.0 PORT=8000 CHATSERVER_DATA_DIR=/var/lib/chatserver
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:%s/readyz' % os.environ['PORT'], timeout=4)"]
ENTRYPOINT ["chatserver"]
CMD ["serve"]
