import { drawTopologies } from '#platform/streams/drawing';
import type { WritingSink } from '#platform/streams/topology';
import { records } from '../schemas/events.js';
import { liveKeys } from '../schemas/live-state.js';
import { topics } from '../schemas/topics.js';
import { defaultSettings } from '../stream-jobs/windows/defaults.js';
import { topologies } from '../stream-jobs/windows/topologies.js';

export const topologiesFile = 'docs/topologies.md';

const sinkInto = (into: string): WritingSink<unknown> => ({ into, write: async () => {} });

/** docs/topologies.md: every windowed job as it is declared. */
export const topologiesDocument = (): string => {
  const all = topologies(defaultSettings, {
    live: (size) => sinkInto(`Redis ${liveKeys.windows(size)}`),
    visits: sinkInto(topics.visits.topic),
    searches: sinkInto(topics.searches.topic),
    productPerformance: sinkInto(topics.productPerformance.topic),
    stockOuts: sinkInto(topics.stockOuts.topic),
    fraudSignals: sinkInto(topics.fraudSignals.topic),
  });
  const topicOf = (type: string): string => records[type as keyof typeof records]?.topic ?? type;
  return `# The windowed jobs

Generated from stream-jobs/windows by \`npm run topology\`; do not edit. How they are computed: [ADR 30](adr/0030-windows-in-memory-checkpoints-in-postgresql.md).

${drawTopologies(all, topicOf)}`;
};
