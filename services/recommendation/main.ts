import { runService } from '#platform/service-host';
import { recommendationConfig } from './config.js';
import { recommendationService } from './service.js';

await runService('recommendation', recommendationConfig, recommendationService);
