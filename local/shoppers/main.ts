import { runService } from '#platform/service-host';
import { shoppersConfig } from './config.js';
import { shoppers } from './shoppers.js';

await runService({ name: 'shoppers', config: shoppersConfig, build: shoppers });
