import { openService } from '#platform/service';
import type { Service } from '#platform/service-host';
import { records } from '#schemas/events';
import { brokenRule } from '#schemas/value-rules';
import { liveSettings } from '../settings.js';
import { type ConfigConfig, configConfig, defaultsIn } from './config.js';
import { type ConfigRouteDeps, configRoutes } from './routes.js';
import { rulesRoutes } from './rules-routes.js';
import { createSettingStore, publishes } from './setting-store.js';

/** Accepts changes of the settings that services apply while they run, and keeps their history. */
export const service: Service<ConfigConfig> = {
  name: 'config',
  config: configConfig,
  build: async (config, host) => {
    const { db, events, app } = await openService(host, config, { records, brokenRule, publishes });
    const deps: ConfigRouteDeps = {
      db,
      store: createSettingStore({ events, clock: host.clock }),
      settings: new Map(liveSettings.map((setting) => [setting.key, setting])),
      defaults: defaultsIn(config),
    };
    configRoutes(app, deps);
    rulesRoutes(app, deps);
  },
};
