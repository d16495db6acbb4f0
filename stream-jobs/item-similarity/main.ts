import { runService } from '#platform/service-host';
import { itemSimilarityConfig } from './config.js';
import { itemSimilarityJob } from './service.js';

await runService({ name: 'item-similarity', config: itemSimilarityConfig, build: itemSimilarityJob });
