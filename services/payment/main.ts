import { runService } from '#platform/service-host';
import { paymentConfig } from './config.js';
import { paymentService } from './service.js';

await runService('payment', paymentConfig, paymentService);
