# A gate in a container: the build stays behind, and what runs is neither root nor has a compiler.
# Debian's slim image, since better-sqlite3 is built against glibc. Both stages need the same NODE.
ARG NODE=24-bookworm-slim

FROM node:${NODE} AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends g++ make python3 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
# Node's headers are in the image: nothing is fetched for the compiler.
RUN npm ci --ignore-scripts \
  && npm_config_nodedir=/usr/local npm rebuild better-sqlite3 --build-from-source
COPY . .
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts \
  && rm -rf dist/test dist/bench dist/.tsbuildinfo node_modules/better-sqlite3/build/Release/obj*

FROM node:${NODE}
# One malloc arena: a tunnel moves nearly twice the bytes per second, and the process stays smaller.
ENV NODE_ENV=production \
  MALLOC_ARENA_MAX=1 \
  HALTGATE_DATA=/data \
  HALTGATE_LISTEN=0.0.0.0:3128 \
  HALTGATE_POLICY=/app/policies.yaml
WORKDIR /app
RUN install -d -o node -g node -m 0700 /data
COPY --from=build /app/package.json /app/LICENSE /app/policies.yaml ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
# 3128 is the agents' proxy. 3129 is the operators' listener: on loopback inside the container unless told otherwise.
EXPOSE 3128 3129
# node is process 1 and handles SIGTERM itself: it drains, and a second one ends it. The only children that it starts
# are the commands of credentials, which it waits for.
# A policy that inspects makes its CA in /data/ca: give agents bundle.pem of it, and nothing else.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3129/readyz').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["start"]
