# Python programs of ours, with Node for those that are started by one. Packages were installed on the host for the image's
# platform; here they only get their bytecode, since nothing can be written when they run. Bytecode is the same everywhere, so the
# machine that builds makes it: an image for another architecture needs no emulator.
ARG BASE=python:3.11.13-slim-bookworm
ARG NODE=node:22.20.0-bookworm-slim
ARG BUILDPLATFORM
# hadolint ignore=DL3006
FROM ${NODE} AS node
# hadolint ignore=DL3006
FROM --platform=${BUILDPLATFORM} ${BASE} AS packages
ARG TARGETARCH
COPY --from=node /usr/local/bin/node /app/bin/node
COPY packages/${TARGETARCH}/ /app/
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /app
# hadolint ignore=DL3006
FROM --platform=${BUILDPLATFORM} ${BASE} AS program
COPY app/ /app/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app
# hadolint ignore=DL3006
FROM ${BASE}
ARG TITLE
ARG DESCRIPTION
ARG CONTENT
LABEL org.opencontainers.image.title="${TITLE}" \
      org.opencontainers.image.description="${DESCRIPTION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      dev.freelancer-stack.content="${CONTENT}"
ENV NODE_ENV=production \
    PATH=/app/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app/site-packages
WORKDIR /app
COPY --from=packages /app /app
COPY --from=program /app /app
COPY --chown=10001:10001 volumes/ /
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/bin/sh", "/app/health"]
CMD ["node", "/app/main.cjs"]
