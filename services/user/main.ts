import { runService } from '#platform/service-host';
import { userConfig } from './config.js';
import { userService } from './service.js';

await runService('user', userConfig, userService);
