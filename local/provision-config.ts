import { envSchema, setting, settingGroup } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';

const { kafka, schemaRegistryUrl, clickhouseUrl } = engineSettings;

/** How each topic is kept that is made; topics that are there already stay as they are. */
export type Replication = {
  /** Brokers that have each record; the cluster's own default if unset. */
  replicas?: number;
  /** Brokers that must have a record before it counts as written; the cluster's own default if unset. */
  insyncReplicasMin?: number;
};

const replication = settingGroup(
  {
    replicas: ['KAFKA_REPLICATION_FACTOR', setting.integer(1, 32).optional()],
    insyncReplicasMin: ['KAFKA_MIN_INSYNC_REPLICAS', setting.integer(1, 32).optional()],
  },
  ({ replicas, insyncReplicasMin }, refuse): Replication => {
    if (replicas !== undefined && (insyncReplicasMin ?? 0) > replicas)
      refuse('insyncReplicasMin', 'must not be more than KAFKA_REPLICATION_FACTOR');
    return {
      ...(replicas === undefined ? {} : { replicas }),
      ...(insyncReplicasMin === undefined ? {} : { insyncReplicasMin }),
    };
  },
);

export const provisionConfig = envSchema({ kafka, replication, schemaRegistryUrl, clickhouseUrl });
