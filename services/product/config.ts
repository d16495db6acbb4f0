import { envSchema } from '#platform/config';
import { serviceSettings } from '#platform/service';

export const productConfig = envSchema({
  ...serviceSettings('product', { databasePoolMax: 5 }),
});

export type ProductConfig = Readonly<ReturnType<typeof productConfig.parse>>;
