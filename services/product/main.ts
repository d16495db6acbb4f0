import { runService } from '#platform/service-host';
import { productConfig } from './config.js';
import { productService } from './service.js';

await runService('product', productConfig, productService);
