import { runService } from '#platform/service-host';
import { windowsConfig } from './config.js';
import { windowsJob } from './service.js';

await runService({ name: 'windows', config: windowsConfig, build: windowsJob });
