import { runService } from '#platform/service-host';
import { gatewayConfig } from './config.js';
import { gatewayService } from './service.js';

await runService('gateway', gatewayConfig, gatewayService);
