# What Python programs of ours import, with Node for those that are started by one: large, and seldom changed, so an image of its own.
# Packages were installed on the host for the image's platform; here they only get their bytecode, since nothing can be written when
# they run. Their own tests, a quarter of the code, get none. Bytecode is the same everywhere, so the machine that builds makes it: an
# image for another architecture needs no emulator.
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
RUN python3 -m compileall -q -j 0 -x '/tests?/' --invalidation-mode unchecked-hash /app
# hadolint ignore=DL3006
FROM ${BASE}
ARG CONTENT
LABEL dev.freelancer-stack.content="${CONTENT}"
COPY --from=packages /app /app
