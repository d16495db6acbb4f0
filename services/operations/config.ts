import { envSchema } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const operationsConfig = envSchema(serviceSettings('operations', { databasePoolMax: 3 }));

export type OperationsConfig = Readonly<ReturnType<typeof operationsConfig.parse>>;
