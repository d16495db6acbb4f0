import { afterAll, beforeAll } from 'vitest';
import { loadConfig } from '#platform/config';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import { createSchemaRegistry } from '#platform/messaging/schema-registry';
import type { RunnableHost } from '#platform/service-host';
import { createLiveSettings, type LiveSettings } from '#platform/settings/live-settings';
import { engines } from '#platform/testing/engines';
import { startService } from '#platform/testing/started-service';
import { testHost } from '#platform/testing/test-host';
import { records } from '#schemas/events';
import { type GatewayConfig, gatewayConfig } from '../config.js';
import { service } from '../service.js';

const configOf = (env: Readonly<Record<string, string>>): GatewayConfig => {
  const { kafka, schemaRegistryUrl, redisUrl } = engines();
  return loadConfig(gatewayConfig, {
    GATEWAY_PORT: '0',
    ...kafkaEnv(kafka),
    SCHEMA_REGISTRY_URL: schemaRegistryUrl,
    REDIS_URL: redisUrl,
    USER_URL: 'http://127.0.0.1:1',
    LIMITS: 'relaxed',
    // Every test is a client of its own, so that limits counted in Redis do not meet.
    GATEWAY_TRUSTED_PROXIES: '1',
    ...env,
  });
};

/** Starts a gateway on the engines of the tests; `env` has the addresses of its services. Stop it by its host. */
export const startGateway = async (
  env: Readonly<Record<string, string>>,
): Promise<{ url: string; host: RunnableHost }> => {
  const host = testHost('gateway');
  return { url: await startService(service, configOf(env), host), host };
};

/**
 * For a file whose tests each start a gateway on the engines of the tests. Each would look for the schema of shopper
 * activity for seconds where nothing has registered it yet. And each would join a consumer group, read the settings
 * from their beginning, and leave the group, so they share one feed of them, which stays open until the last test.
 */
export const useGateways = (): void => {
  let settings: LiveSettings | undefined;
  beforeAll(async () => {
    const config = configOf({});
    const { subject, schema } = records.ShopperActivity;
    await createSchemaRegistry(config.schemaRegistryUrl).register(subject, schema);
    settings = createLiveSettings(testHost('gateway'), config, records, 'SettingChanged');
    await settings.start();
  });
  afterAll(() => settings?.stop());
};

/** The address of a client that no other test has, so that nobody else counts towards its limits. */
export const newAddress = (): string =>
  `10.${[0, 0, 0].map(() => Math.floor(Math.random() * 250) + 1).join('.')}`;
