import { runService } from '#platform/service-host';
import { notificationConfig } from './config.js';
import { notificationService } from './service.js';

await runService('notification', notificationConfig, notificationService);
