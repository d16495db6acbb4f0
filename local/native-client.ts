import { buildRdkafka } from '#platform/messaging/rdkafka-build';
import { loadRdkafka } from '#platform/messaging/rdkafka-module';
import type { Progress } from './progress.js';

/** Builds node-rdkafka if `KAFKA_CLIENT` selects it and it is not built. Other starts do not wait for a compiler. */
export const buildNativeClient = async (env: NodeJS.ProcessEnv, progress: Progress): Promise<void> => {
  if (env.KAFKA_CLIENT !== 'rdkafka' || loadRdkafka() !== undefined) return;
  await progress.step('node-rdkafka', async (detail) => {
    try {
      await buildRdkafka(detail);
    } catch (error) {
      throw new Error(
        'KAFKA_CLIENT=rdkafka: node-rdkafka cannot be built here; `npm run build:rdkafka` says why',
        { cause: error },
      );
    }
  });
};
