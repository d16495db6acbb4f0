import { runService } from '#platform/service-host';
import { service } from './service.js';

await runService(service);
