import type { IncomingRecord } from '#platform/messaging/broker';
import { eventIdOf } from '#platform/messaging/events';
import { createRecentIds, type RepeatedIds } from '#platform/streams/recent-ids';

/** A record that is no repeat. */
export type DistinctRecord = {
  record: IncomingRecord;
  /** Undefined for an event that cannot be sent again. */
  id: string | undefined;
};

/** Recognises which records of a partition repeat an event that is among its last ones. */
export type RepeatFilter = {
  /** So many records before the partition's next offset have to be read again for their ids; 0 where these are known. */
  readonly recordsUnknown: bigint;
  /**
   * The records from `nextOffset` on that repeat neither a remembered event nor one of `records`, in their order. The ids
   * of earlier ones are remembered; those of what is returned only by `remember`, since a failure brings them again.
   */
  distinct(records: readonly IncomingRecord[], nextOffset: bigint): DistinctRecord[];
  /** To be called when the record is handled. */
  remember(id: string | undefined): void;
  /** Another member has handled records that were not given to this filter. */
  missed(): void;
};

export const createRepeatFilter = ({ idsMax, recordsMax, mayRepeat }: RepeatedIds): RepeatFilter => {
  const recent = createRecentIds(idsMax);
  let isComplete = false;
  const remember = (id: string | undefined): void => {
    if (id !== undefined) recent.add(id);
  };
  return {
    get recordsUnknown() {
      return isComplete ? 0n : BigInt(recordsMax);
    },
    distinct: (records, nextOffset) => {
      const found: DistinctRecord[] = [];
      const ids = new Set<string>();
      for (const record of records) {
        const given = eventIdOf(record);
        const id = given !== undefined && mayRepeat(given) ? given : undefined;
        if (record.offset < nextOffset) remember(id);
        else if (id === undefined || !(recent.has(id) || ids.has(id))) {
          if (id !== undefined) ids.add(id);
          found.push({ record, id });
        }
      }
      const last = records.at(-1);
      if (last !== undefined && last.offset + 1n >= nextOffset) isComplete = true;
      return found;
    },
    remember,
    missed: () => {
      isComplete = false;
    },
  };
};
