import { PlatformError } from '#platform/errors';
import { wirePrefixBytes } from '#platform/messaging/avro-codec';
import { meaningless } from './datum-check.js';
import type { Feed } from './feeds.js';
import type { RecordInPlace } from './record-in-place.js';
import type { SeenIds } from './seen-ids.js';
import type { RowTreatment, Treatments } from './treatments.js';

/** The outcome of the intake for a record. */
export type Outcome =
  /** It becomes a row; the bounds of its fields are those of the treatment's walk until the next record is judged. */
  | RowTreatment
  /** It is left out of its block, and the block's claim records that. */
  | { kind: 'excluded'; reason: string; detail: string }
  /** It is not for this table. */
  | { kind: 'passed_over' }
  /** It is left out too, and parked with its cause. */
  | { kind: 'poison'; cause: PlatformError }
  /** It has to be judged again after the registry was asked for its schema. */
  | { kind: 'unknown_schema'; schemaId: number };

export type Intake = {
  /**
   * `isRebuilding`: the record belongs to a block that is built again unchanged, so no record is a repeat that was none
   * the first time. Pure, except that it remembers the event ids of rows.
   */
  judge(record: RecordInPlace, isRebuilding: boolean): Outcome;
};

export const repeated = 'repeated';

const passedOver: Outcome = { kind: 'passed_over' };
const excludedRepeat: Outcome = { kind: 'excluded', reason: repeated, detail: '' };

export const createIntake = (
  feed: Feed,
  treatments: Pick<Treatments, 'known'>,
  seenIds: SeenIds | null,
): Intake => {
  const mayBeEmpty = feed.keepsEvents || !feed.onlyThese;
  return {
    judge: (record, isRebuilding) => {
      const { bytes, valueStart, valueEnd } = record;
      if (valueEnd < 0) return mayBeEmpty ? passedOver : malformed('the record is empty');
      if (valueEnd - valueStart < wirePrefixBytes) return malformed(`only ${valueEnd - valueStart} bytes`);
      if (bytes[valueStart] !== 0) return malformed(`magic byte is ${bytes[valueStart]}, not 0`);
      const schemaId = bytes.readUInt32BE(valueStart + 1);
      const treatment = treatments.known(schemaId);
      if (treatment === undefined) return { kind: 'unknown_schema', schemaId };
      if (treatment.kind !== 'row') return treatment;
      const datum = valueStart + wirePrefixBytes;
      const walked = treatment.walk(bytes, datum, valueEnd);
      if (walked !== valueEnd) return wrongDatum(treatment, bytes, datum, valueEnd, walked);
      return seenIds?.seen(treatment, record, datum) === true && !isRebuilding ? excludedRepeat : treatment;
    },
  };
};

const wrongDatum = (
  treatment: RowTreatment,
  bytes: Buffer,
  start: number,
  end: number,
  walked: number,
): Outcome => {
  if (walked === meaningless)
    return {
      kind: 'poison',
      cause: new PlatformError('datum_meaningless', treatment.brokenRule(bytes, start, end), {
        retriable: false,
      }),
    };
  return malformed(
    walked < 0 ? 'the datum ends too early or is no datum' : `${end - walked} bytes after the datum`,
  );
};

const malformed = (message: string): Outcome => ({
  kind: 'poison',
  cause: new PlatformError('datum_malformed', message, { retriable: false }),
});
