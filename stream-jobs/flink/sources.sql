-- The topics as Flink reads them. `npm run flink` puts this file before a job and fills in what is in ${…}.
SET 'execution.target' = '${TARGET}';
SET 'table.local-time-zone' = 'UTC';
SET 'parallelism.default' = '${PARALLELISM}';
SET 'pipeline.name' = '${JOB}';
-- As in stream-jobs/windows: a partition without records does not hold the watermark.
SET 'table.exec.source.idle-timeout' = '2 s';

CREATE TABLE shopper_activity (
  event_id STRING,
  `type` STRING,
  visit_id STRING,
  user_id STRING,
  product_id STRING,
  query STRING,
  `position` INT,
  recommendation_id STRING,
  device STRING,
  occurred_at TIMESTAMP(3),
  WATERMARK FOR occurred_at AS occurred_at - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${PREFIX}shopper-activity',
  'properties.bootstrap.servers' = '${KAFKA_BROKERS}',
  'properties.group.id' = '${PREFIX}flink-${JOB}',
  'scan.startup.mode' = 'earliest-offset',
  ${BOUNDED}
  'format' = 'avro-confluent',
  'avro-confluent.url' = '${SCHEMA_REGISTRY_URL}'
);

CREATE TABLE sales (
  event_id STRING,
  order_id STRING,
  line INT,
  product_id STRING,
  category STRING,
  user_id STRING,
  quantity INT,
  amount_minor BIGINT,
  currency STRING,
  kind STRING,
  occurred_at TIMESTAMP(3),
  WATERMARK FOR occurred_at AS occurred_at - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${PREFIX}sales',
  'properties.bootstrap.servers' = '${KAFKA_BROKERS}',
  'properties.group.id' = '${PREFIX}flink-${JOB}',
  'scan.startup.mode' = 'earliest-offset',
  ${BOUNDED}
  'format' = 'avro-confluent',
  'avro-confluent.url' = '${SCHEMA_REGISTRY_URL}'
);
