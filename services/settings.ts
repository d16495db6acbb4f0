import type { LiveSetting } from '#platform/settings/live-setting';
import { experimentsSetting } from '#schemas/experiments';
import { paymentWaitMs } from '#schemas/payment-wait';
import { limitSettings } from './gateway/limit-settings.js';
import { outboxUnpublishedMax } from './order/order-settings.js';
import { paymentRetryMs } from './payment/payment-settings.js';
import {
  comparedPercent,
  diversity,
  exploredPercent,
  promotesByItself,
} from './recommendation/model-settings.js';
import { rulesSetting } from './recommendation/rules.js';

export { rulesFields, rulesSetting } from './recommendation/rules.js';

/**
 * Every setting that can be changed while the platform runs. Each is declared beside the code that uses it; the
 * configuration service accepts changes of these and of no others.
 */
export const liveSettings: readonly LiveSetting[] = [
  ...Object.values(limitSettings),
  paymentWaitMs,
  paymentRetryMs,
  outboxUnpublishedMax,
  experimentsSetting,
  rulesSetting,
  comparedPercent,
  diversity,
  promotesByItself,
  exploredPercent,
];
