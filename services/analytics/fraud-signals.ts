import { z } from 'zod';
import { wholeNumber } from '#platform/http/text';
import { fraudSignalKinds, fraudSignalSchema } from '#schemas/fraud-signal-view';
import {
  cutAt,
  endpoint,
  isInTime,
  periodParams,
  periodQuery,
  periodRounding,
  truncatedField,
  wholePeriod,
} from './question.js';

const daysAsDefault = 7;

/** What staff should look at, newest first. */
export const fraudSignals = endpoint({
  name: 'fraud-signals',
  forStaffAt: '/api/ops/fraud-signals',
  id: 'FraudSignals',
  summary: 'Orders and buyers that staff should look at.',
  description: `A signal decides nothing: it names an order and why it stands out among the orders of its buyer within ten minutes. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({
    ...periodQuery,
    kind: z.enum(fraudSignalKinds).optional(),
    limit: wholeNumber(1, 1_000).prefault(100),
  }),
  row: fraudSignalSchema,
  also: truncatedField,
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    const { kind, limit } = asked;
    return {
      about: 'fraudSignals',
      queries: [{ sql: fraudSql, params: { ...periodParams(period), kind: kind ?? '', rowsMax: limit + 1 } }],
      answerOf: ([rows = []]) =>
        cutAt(
          limit,
          (rows as readonly { atMs: number }[]).map(({ atMs, ...row }) => ({
            ...row,
            occurredAt: new Date(atMs).toISOString(),
          })),
        ),
    };
  },
});

const fraudSql = `
  SELECT signal_id AS signalId, kind, buyer, user_id AS userId, order_id AS orderId, count,
    amount_minor AS amountMinor, currency, detail, toUnixTimestamp64Milli(occurred_at) AS atMs
  FROM fraud_signals FINAL
  WHERE ${isInTime('occurred_at')}
    AND ({kind:String} = '' OR kind = {kind:String})
  ORDER BY occurred_at DESC, signal_id
  LIMIT {rowsMax:UInt32}`;
