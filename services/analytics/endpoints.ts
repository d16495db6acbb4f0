import { attribution } from './attribution.js';
import { basket } from './basket.js';
import { fraudSignals } from './fraud-signals.js';
import { funnel } from './funnel.js';
import { overview } from './overview.js';
import type { Endpoint } from './question.js';
import { retention } from './retention.js';
import { rfm } from './rfm.js';
import { searches } from './searches.js';
import { stockOuts } from './stock-outs.js';

/** The questions that are nothing but statements and a shape of their rows. */
export const endpoints: readonly Endpoint[] = [
  overview,
  funnel,
  retention,
  rfm,
  basket,
  searches,
  attribution,
  stockOuts,
  fraudSignals,
];
