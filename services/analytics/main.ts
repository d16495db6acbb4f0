import { runService } from '#platform/service-host';
import { analyticsConfig } from './config.js';
import { analyticsService } from './service.js';

await runService('analytics', analyticsConfig, analyticsService);
