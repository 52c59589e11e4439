# One image for every service: docker run IMAGE bot, worker, migrate, …
#
# Behind a private package index: --build-arg UV_DEFAULT_INDEX=… --build-arg PIP_INDEX_URL=…
# With a certificate authority of one's own: --secret id=ca,src=bundle.pem

FROM python:3.13-slim AS build
ARG PIP_INDEX_URL UV_DEFAULT_INDEX
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore UV_LINK_MODE=copy
WORKDIR /build

# What installs and builds stays behind in this stage.
COPY requirements-build.lock ./
RUN --mount=type=secret,id=ca,target=/run/ca.pem --mount=type=cache,target=/root/.cache \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    python -m venv tools && tools/bin/pip install --quiet --require-hashes -r requirements-build.lock

# The packages make a layer of their own, which a change of our code leaves as it is.
COPY requirements.lock ./
RUN --mount=type=secret,id=ca,target=/run/ca.pem --mount=type=cache,target=/root/.cache \
    if [ -s /run/ca.pem ]; then export SSL_CERT_FILE=/run/ca.pem; fi; \
    python -m venv --without-pip /opt/g2d && \
    tools/bin/uv pip install --python /opt/g2d/bin/python --compile-bytecode --require-hashes -r requirements.lock

COPY . .
RUN tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . && \
    tools/bin/uv pip install --offline --python /opt/g2d/bin/python --compile-bytecode --no-deps dist/*.whl


FROM python:3.13-slim
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="Gemini to Diffusion" \
    org.opencontainers.image.description="A Telegram bot: Gemini writes the prompt, a model served by HuggingFace paints" \
    org.opencontainers.image.licenses=MIT \
    org.opencontainers.image.version=$VERSION
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin g2d && \
    install --directory --owner g2d --group g2d /data /data/images
COPY --from=build /opt/g2d /opt/g2d
ENV PATH=/opt/g2d/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    G2D_DATA_DIR=/data \
    G2D_HEARTBEAT_FILE=/tmp/g2d-at-work
WORKDIR /data
USER g2d
STOPSIGNAL SIGTERM
ENTRYPOINT ["g2d"]
CMD ["run"]
