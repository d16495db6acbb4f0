import { runService } from '#platform/service-host';
import { orderConfig } from './config.js';
import { orderService } from './service.js';

await runService('order', orderConfig, orderService);
