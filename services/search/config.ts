import { envSchema } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const searchConfig = envSchema(serviceSettings('search', { databasePoolMax: 5 }));

export type SearchConfig = Readonly<ReturnType<typeof searchConfig.parse>>;
