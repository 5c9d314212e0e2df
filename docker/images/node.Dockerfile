# A program of ours. What goes in was bundled and pruned on the host (tools/nx-plugin/src/images), so the build needs no network, and
# no instruction runs: an image for another architecture needs no emulator.
ARG BASE=node:22.20.0-bookworm-slim
# hadolint ignore=DL3006
FROM ${BASE}
ARG TITLE
ARG DESCRIPTION
ARG CONTENT
ARG TARGETARCH
LABEL org.opencontainers.image.title="${TITLE}" \
      org.opencontainers.image.description="${DESCRIPTION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      dev.freelancer-stack.content="${CONTENT}"
ENV NODE_ENV=production
WORKDIR /app
COPY packages/${TARGETARCH}/ /app/
COPY app/ /app/
COPY --chown=10001:10001 volumes/ /
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/bin/sh", "/app/health"]
CMD ["node", "/app/main.cjs"]
