# One image for every service, job and set-up step; docker-compose.yml says which each container runs.
FROM node:22.20.0-bookworm-slim AS build
WORKDIR /cartstream
COPY package.json package-lock.json ./
RUN npm install --no-save --ignore-scripts
COPY . .
RUN node local/setup.js

FROM node:22.20.0-bookworm-slim
WORKDIR /cartstream
ENV NODE_ENV=production
COPY package.json package-lock.json ./
# The embedded ClickHouse is for `npm start` alone: here ClickHouse has a container of its own.
RUN npm install --no-save --omit=dev --ignore-scripts && rm -rf node_modules/chdb node_modules/@chdb
COPY --from=build /cartstream/dist ./dist
COPY --from=build /cartstream/platform ./platform
COPY --from=build /cartstream/services ./services
COPY --from=build /cartstream/clickhouse ./clickhouse
COPY --from=build /cartstream/local ./local
USER node
CMD ["node", "dist/services/shop.js"]
