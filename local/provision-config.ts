import { envSchema, setting, settingGroup } from '#platform/config';
import { engineSettings } from '#platform/engine-settings';

const { kafka, schemaRegistryUrl, clickhouseUrl } = engineSettings;

/** The replication of new topics. Existing topics stay as they are. */
export type Replication = {
  /** The number of brokers that store each record; the cluster's default if unset. */
  replicas?: number;
  /** The number of brokers that must have a record before it counts as written; the cluster's default if unset. */
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

/** The cluster of ClickHouse's configuration on which tables are made; one server if unset. */
const clickhouseCluster = ['CLICKHOUSE_CLUSTER', setting.text.optional()] as const;

export const provisionConfig = envSchema({
  kafka,
  replication,
  schemaRegistryUrl,
  clickhouseUrl,
  clickhouseCluster,
});
