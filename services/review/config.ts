import { envSchema } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const reviewConfig = envSchema(serviceSettings('review', { databasePoolMax: 5 }));

export type ReviewConfig = Readonly<ReturnType<typeof reviewConfig.parse>>;
