import { runService } from '#platform/service-host';
import { inventoryConfig } from './config.js';
import { inventoryService } from './service.js';

await runService('inventory', inventoryConfig, inventoryService);
