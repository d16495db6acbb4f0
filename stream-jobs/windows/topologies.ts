import type { AnyTopology, Sink, WritingSink } from '#platform/streams/topology';
import type { LiveSize, LiveWindow } from '#schemas/live-state';
import { type FraudLimits, type FraudSignalRow, fraudSignals } from './fraud-signals.js';
import { liveMetrics } from './live-figures.js';
import { type ProductPerformanceRow, productPerformance } from './product-performance.js';
import { type SearchRow, searches } from './searches.js';
import { type StockOutRow, stockOuts } from './stock-outs.js';
import { type VisitRow, visits } from './visits.js';

export type WindowsSettings = { visitGapMs: number; performanceWindowMs: number; fraud: FraudLimits };

export type Sinks = {
  live(size: LiveSize): Sink<LiveWindow>;
  visits: Sink<VisitRow>;
  searches: Sink<SearchRow>;
  productPerformance: WritingSink<ProductPerformanceRow>;
  stockOuts: Sink<StockOutRow>;
  fraudSignals: Sink<FraudSignalRow>;
};

/** Every windowed job. */
export const topologies = (
  { visitGapMs, performanceWindowMs, fraud }: WindowsSettings,
  sinks: Sinks,
): readonly AnyTopology[] => [
  liveMetrics('tenSeconds', sinks.live('tenSeconds')),
  liveMetrics('minute', sinks.live('minute')),
  visits(visitGapMs, sinks.visits),
  searches(visitGapMs, sinks.searches),
  productPerformance(performanceWindowMs, sinks.productPerformance),
  stockOuts(sinks.stockOuts),
  fraudSignals(fraud, sinks.fraudSignals),
];
