import { PlatformError } from '#platform/errors';
import type { BrokerAdmin } from '#platform/messaging/broker';
import type { StateStore } from '#platform/streams/state-store';

/**
 * Longer than folding these topics takes. The bound is needed because the log may end with markers, not with a record.
 */
const waitMsMax = 60_000;

/**
 * For a job that needs the events of `topics` before those of the other topics. Throws a retriable `not_yet_known`
 * until the state has folded `topics` up to the end that they had at the first call, for a minute at most. It does not
 * matter which member folds them.
 */
export const createReadFirst = (
  topics: readonly string[],
  admin: () => Promise<Pick<BrokerAdmin, 'offsets'>>,
  state: () => Promise<Pick<StateStore<never>, 'nextOffset'>>,
  nowMs: () => number = () => performance.now(),
): (() => Promise<void>) => {
  const beganMs = nowMs();
  let ends: { topic: string; partition: number; high: bigint }[] | undefined;
  return async () => {
    if (ends?.length === 0) return;
    ends ??= await endsOf(topics, await admin());
    const current = await state();
    const places = await Promise.all(
      ends.map(({ topic, partition }) => current.nextOffset(topic, partition)),
    );
    ends = ends.filter(({ high }, nth) => (places[nth] ?? high) < high);
    if (nowMs() - beganMs > waitMsMax) ends = [];
    const [first] = ends;
    if (first !== undefined)
      throw new PlatformError('not_yet_known', `${first.topic}/${first.partition} is folded first`, {
        retriable: true,
      });
  };
};

const endsOf = async (topics: readonly string[], admin: Pick<BrokerAdmin, 'offsets'>) =>
  (
    await Promise.all(
      topics.map(async (topic) => (await admin.offsets(topic)).map((end) => ({ topic, ...end }))),
    )
  )
    .flat()
    .filter(({ high, low }) => high > low);
