# A gate in a container: the build stays behind, and what runs is neither root nor has a compiler. See docs/image.md.
# Node 24 is the LTS line: its image brings the headers that better-sqlite3 12 is compiled against, and Debian's glibc.
# Both stages need the same NODE. Pin it by digest where builds have to be equal.
ARG NODE=24-bookworm-slim

FROM docker.io/library/node:${NODE} AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends g++ make python3 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
# One install script runs, that of better-sqlite3, and it compiles: nothing is fetched that the lockfile does not name.
RUN npm ci --ignore-scripts \
  && npm_config_build_from_source=true npm_config_nodedir=/usr/local npm rebuild better-sqlite3
COPY . .
# What only the compiler or an editor reads goes: the sources of SQLite, types, maps. Licences stay.
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts \
  && rm -rf dist/.tsbuildinfo \
    node_modules/better-sqlite3/deps node_modules/better-sqlite3/src \
  && find node_modules/better-sqlite3/build -type f ! -name better_sqlite3.node -delete \
  && find dist node_modules -type f \
    \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
  && find node_modules -type d -empty -delete

FROM docker.io/library/node:${NODE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="haltgate" \
  org.opencontainers.image.description="A fail-closed forward proxy for AI agents, with a hash-chained ledger" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# One malloc arena: a tunnel moves nearly twice the bytes per second, and the process stays smaller.
ENV NODE_ENV=production \
  MALLOC_ARENA_MAX=1 \
  HALTGATE_DATA=/data \
  HALTGATE_LISTEN=0.0.0.0:3128 \
  HALTGATE_POLICY=/app/policies.yaml
# The uid is a number that packet filters can name: only what runs under it may leave.
RUN groupadd --gid 1337 haltgate \
  && useradd --uid 1337 --gid 1337 --no-create-home --home-dir /data --shell /usr/sbin/nologin haltgate \
  && install -d -o 1337 -g 1337 -m 0700 /data
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE /app/policies.yaml /app/deploy/image/health.mjs ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/docs ./docs
COPY --from=build /app/examples ./examples
COPY --from=build /app/dist ./dist
# In numbers, so that an orchestrator can tell that it is not root.
USER 1337:1337
VOLUME /data
# 3128 is the agents' proxy. 3129 is the operators' listener: on loopback inside the container unless told otherwise.
EXPOSE 3128 3129
# node is process 1 and handles SIGTERM itself: it drains, and a second one ends it. The only children that it starts
# are the commands of credentials, which it waits for. Nothing here needs a shell, or a root that can be written to.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "/app/health.mjs"]
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["start"]
