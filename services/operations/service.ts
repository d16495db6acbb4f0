import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { deadLetterTopics, topics } from '#schemas/topics';
import { brokenRule } from '#schemas/value-rules';
import { services } from '../table.js';
import { type OperationsConfig, operationsConfig } from './config.js';
import { createDeadLetterListener } from './dead-letter-listener.js';
import { createDeadLetterStore } from './dead-letter-store.js';
import { operationsRoutes } from './routes.js';

/** Keeps what consumers could not handle, for staff to look at and to have it handled again. */
export const service: Service<OperationsConfig> = {
  name: 'operations',
  config: operationsConfig,
  build: async (config, host) => {
    const { db, broker, app } = await openService(host, config, { records, brokenRule });
    const store = createDeadLetterStore(host.clock);
    host.use(
      createDeadLetterListener(host, {
        db,
        broker,
        group: 'operations.dead-letters',
        store,
        topics: deadLetterTopics,
      }),
    );
    operationsRoutes(app, {
      db,
      store,
      producer: await broker.producer(),
      logger: host.logger,
      topics: Object.values(topics).map(({ topic }) => topic),
      // Only services handle replays: what a stream job refuses it would refuse again.
      replayPrefixes: services.map(({ name }) => `${name}.`),
    });
  },
};
