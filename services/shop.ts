import { runServices, type Service } from '#platform/service-host';
import { analyticsConfig } from './analytics/config.js';
import { analyticsService } from './analytics/service.js';
import { gatewayConfig } from './gateway/config.js';
import { gatewayService } from './gateway/service.js';
import { inventoryConfig } from './inventory/config.js';
import { inventoryService } from './inventory/service.js';
import { notificationConfig } from './notification/config.js';
import { notificationService } from './notification/service.js';
import { orderConfig } from './order/config.js';
import { orderService } from './order/service.js';
import { paymentConfig } from './payment/config.js';
import { paymentService } from './payment/service.js';
import { productConfig } from './product/config.js';
import { productService } from './product/service.js';
import { recommendationConfig } from './recommendation/config.js';
import { recommendationService } from './recommendation/service.js';
import { userConfig } from './user/config.js';
import { userService } from './user/service.js';

/** Every service in one process: each with its own port, database and metrics, as when it runs alone. */
await runServices([
  { name: 'user', config: userConfig, build: userService },
  { name: 'product', config: productConfig, build: productService },
  { name: 'inventory', config: inventoryConfig, build: inventoryService },
  { name: 'order', config: orderConfig, build: orderService },
  { name: 'payment', config: paymentConfig, build: paymentService },
  { name: 'notification', config: notificationConfig, build: notificationService },
  { name: 'analytics', config: analyticsConfig, build: analyticsService },
  { name: 'recommendation', config: recommendationConfig, build: recommendationService },
  { name: 'gateway', config: gatewayConfig, build: gatewayService },
] as Service[]);
