import { loadConfig } from '#platform/config';
import { kafkaEnv } from '#platform/messaging/kafka-settings';
import type { RunnableHost } from '#platform/service-host';
import { engines } from '#platform/testing/engines';
import { startService } from '#platform/testing/started-service';
import { testHost } from '#platform/testing/test-host';
import { gatewayConfig } from '../config.js';
import { service } from '../service.js';

/** Starts a gateway on the engines of the tests; `env` has the addresses of its services. Stop it by its host. */
export const startGateway = async (
  env: Readonly<Record<string, string>>,
): Promise<{ url: string; host: RunnableHost }> => {
  const { kafka, schemaRegistryUrl, redisUrl } = engines();
  const config = loadConfig(gatewayConfig, {
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
  const host = testHost('gateway');
  return { url: await startService(service, config, host), host };
};

/** The address of a client that no other test has, so that nobody else counts towards its limits. */
export const newAddress = (): string =>
  `10.${[0, 0, 0].map(() => Math.floor(Math.random() * 250) + 1).join('.')}`;
