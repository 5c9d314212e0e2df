# Python programs of ours, on the image of their packages.
ARG BASE=python:3.11.13-slim-bookworm
ARG PACKAGES=scratch
ARG BUILDPLATFORM
# hadolint ignore=DL3006
FROM --platform=${BUILDPLATFORM} ${BASE} AS program
COPY app/ /app/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app
# hadolint ignore=DL3006
FROM ${PACKAGES}
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
COPY --from=program /app /app
COPY --chown=10001:10001 volumes/ /
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/bin/sh", "/app/health"]
CMD ["node", "/app/main.cjs"]
