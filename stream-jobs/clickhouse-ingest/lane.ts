import { assert } from '#platform/assert';
import { isRetriable, PlatformError } from '#platform/errors';
import { wirePrefixBytes } from '#platform/messaging/avro-codec';
import type { BatchControl, IncomingRecord, RecordBatch } from '#platform/messaging/broker';
import { PackCursor, type RecordPack } from '#platform/messaging/record-pack';
import { createRecentIds, type RecentIds } from '#platform/streams/recent-ids';
import type { Claim, Ownership } from './block-claims.js';
import { type BlockInsertDeps, createBlockInsert } from './block-insert.js';
import { createDatumBlock } from './datum-block.js';
import { type GrowingBlock, openBlock } from './growing-block.js';
import { hasMoved, PartitionMoved } from './partition-moved.js';
import { findResumePoint } from './resume-point.js';
import { retryRestMs } from './retry-rest.js';
import type { Route } from './routes.js';
import type { Writer, Writers } from './writers.js';

export type LaneDeps = BlockInsertDeps & {
  limits: LaneLimits;
  /** Records of the partition that are in Kafka and not in ClickHouse yet, as far as this process knows. */
  onLag(route: Route, partition: number, records: number): void;
  onFatal(error: unknown): void;
};

export type LaneLimits = {
  blockBytesMax: number;
  blockRowsMax: number;
  /** A block does not wait for company longer than this even while there is a backlog. */
  backlogBlockWaitMs: number;
  /** How many event ids of a partition are remembered to know a repeat by. */
  recentIdsMax: number;
  /** A claim older than this is looked for by its offsets: ClickHouse may have forgotten its token. */
  tokenTrustedMs: number;
};

/**
 * The way of one partition into its table, as a sequence of blocks: one grows while the one before it is inserted.
 * Holds the partition while ClickHouse or the registry is away, and never gives up by itself.
 */
export type Lane = {
  /** The offset to read from. */
  readonly startOffset: number;
  /** Takes a batch in; returns before its records are inserted. Throws when the partition has moved on. */
  accept(batch: RecordBatch, control: BatchControl): Promise<void>;
  /** Resolves when nothing is growing or being inserted. */
  drained(): Promise<void>;
  /** Stops after the insert in hand, or leaves it behind: whoever comes next repeats it. */
  close(): Promise<void>;
};

const exclusionsPerBlockMax = 1_000;
const detailCharsMax = 100;
/** A partition waits this many times as long as its last block took, so that its blocks take a tenth of the time. */
const restsPerInsert = 10;
const tracedPerBlockMax = 100;
const heartbeatMs = 1_000;
const closeWaitMsMax = 2_000;
const repeated = 'repeated';

export const openLane = async (
  route: Route,
  partition: number,
  ownership: Ownership,
  writers: Writers,
  deps: LaneDeps,
): Promise<Lane> => {
  const { stored, inFlight, clock, limits } = deps;
  const logger = deps.logger.child({ topic: route.topic, partition });

  const resumed = await findResumePoint(route, partition, ownership.newest, {
    stored,
    tokenTrustedMs: limits.tokenTrustedMs,
    onDifference: deps.onDifference,
  });
  let { position, replay } = resumed;
  const recentIds: RecentIds | null = route.mayRepeat
    ? createRecentIds(
        limits.recentIdsMax,
        await stored.eventIdsBefore(
          route.table,
          partition,
          replay === null ? position : replay.lastOffset + 1,
          limits.recentIdsMax,
        ),
      )
    : null;
  const startOffset = position;

  let growing: GrowingBlock | null = null;
  let inserting: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let behind = false;
  let lastInsertMs = 0;
  let highWatermark = 0n;
  /** Everything before this offset is in ClickHouse. */
  let insertedTo = startOffset;
  let closed = false;
  let latest: BatchControl | null = null;

  const tellLag = (): void => deps.onLag(route, partition, Math.max(0, Number(highWatermark) - insertedTo));

  const insert = createBlockInsert(
    { route, partition, ownership, serverStartedAtMs: resumed.serverStartedAtMs },
    {
      assertOurs: () => {
        if (closed || latest?.isStale() !== false) throw new PartitionMoved(route.topic, partition);
      },
      commit: async (nextOffset) => latest?.commit(nextOffset),
    },
    { ...deps, logger },
  );

  const open = (): GrowingBlock => {
    growing = openBlock(position, clock.nowMs());
    if (replay === null) timer = setTimeout(due, waitMs());
    return growing;
  };

  /** A ClickHouse that is slow, because it is small or busy, gets fewer and larger blocks. */
  const waitMs = (): number =>
    Math.min(limits.backlogBlockWaitMs, Math.max(route.blockWaitMs, lastInsertMs * restsPerInsert));

  const due = (): void => {
    if (growing === null || inserting !== null) return;
    const waitedMs = clock.nowMs() - growing.openedAtMs;
    if (behind && waitedMs < limits.backlogBlockWaitMs) {
      timer = setTimeout(due, waitMs());
      return;
    }
    begin();
  };

  const isFull = (block: GrowingBlock): boolean =>
    block.bytes >= limits.blockBytesMax ||
    block.rows >= limits.blockRowsMax ||
    block.excluded.length >= exclusionsPerBlockMax;

  /** Closes the growing block at `position` and begins to insert it. */
  const begin = (): void => {
    assert(growing !== null && inserting === null, 'a partition inserts one block at a time');
    clearTimeout(timer);
    const block = growing;
    const rebuilt = replay;
    growing = null;
    replay = null;
    const claim: Claim = {
      firstOffset: block.firstOffset,
      lastOffset: position - 1,
      attempt: rebuilt?.attempt ?? 0,
      schemaIds: rebuilt?.schemaIds ?? [...block.datums.keys()],
      rows: rebuilt?.rows ?? block.rows,
      excluded: rebuilt?.excluded ?? block.excluded,
    };
    inserting = insert(block, claim, rebuilt)
      .then((insertMs) => {
        lastInsertMs = insertMs;
        insertedTo = claim.lastOffset + 1;
        tellLag();
      })
      .catch((error: unknown) => {
        closed = true;
        if (!hasMoved(error)) deps.onFatal(error);
      })
      .finally(() => {
        inFlight.remove(block.bytes);
        inserting = null;
        if (closed || growing === null) return;
        const restMs = growing.openedAtMs + waitMs() - clock.nowMs();
        clearTimeout(timer);
        if (isFull(growing)) begin();
        else timer = setTimeout(due, Math.max(0, restMs));
      });
  };

  /** The writer of a record, asking the registry if need be, for as long as it is away. */
  const writerOf = async (schemaId: number, control: BatchControl): Promise<Writer> => {
    for (let failures = 0; ; failures += 1) {
      try {
        return await writers.find(schemaId);
      } catch (error) {
        if (!isRetriable(error)) throw error;
        if (failures === 0) logger.warn({ err: error, schemaId }, 'held until the registry answers');
        await sleep(retryRestMs(failures));
        await stillOurs(control);
      }
    }
  };

  const stillOurs = async (control: BatchControl): Promise<void> => {
    if (closed || control.isStale()) throw new PartitionMoved(route.topic, partition);
    await control.heartbeat();
  };

  /**
   * Takes in the record at `start` to `end` of `bytes` (`end` is -1 where it has no value), or returns its schema id
   * where the registry has to be asked first. `whole` makes the record an object, for the few that need one.
   */
  const append = (
    offset: number,
    timestampMs: number,
    bytes: Buffer,
    start: number,
    end: number,
    whole: () => IncomingRecord,
    found?: Writer,
  ): number | null => {
    const block = growing ?? open();
    const framed = end - start >= wirePrefixBytes && bytes[start] === 0;
    const writer = found ?? (framed ? writers.known(bytes.readUInt32BE(start + 1)) : undefined);
    const left = replay?.left.has(offset) === true;
    if (writer === undefined && framed && !left) return bytes.readUInt32BE(start + 1);
    position = offset + 1;
    if (timestampMs > block.newestMs) block.newestMs = timestampMs;
    if (left) {
      const known = replay?.excludedAt.get(offset);
      if (known !== undefined && known.reason !== repeated)
        block.poison.push({
          record: whole(),
          cause: new PlatformError(known.reason as 'datum_malformed', known.detail, { retriable: false }),
        });
      return null;
    }
    const poison = (cause: PlatformError): null => {
      block.excluded.push({ offset, reason: cause.code, detail: cause.message.slice(0, detailCharsMax) });
      block.poison.push({ record: whole(), cause });
      return null;
    };
    if (end < 0) return route.onlyThese ? poison(malformed('the record is empty')) : null;
    if (!framed)
      return poison(
        malformed(
          end - start < wirePrefixBytes
            ? `only ${end - start} bytes`
            : `magic byte is ${bytes[start]}, not 0`,
        ),
      );
    if (writer === undefined || writer.kind === 'passed-over') return null;
    if (writer.kind === 'poison') return poison(writer.cause);
    const datum = start + wirePrefixBytes;
    const walked = writer.walk(bytes, datum, end);
    if (walked !== end)
      return poison(
        malformed(
          walked < 0 ? 'the datum ends too early or is no datum' : `${end - walked} bytes after the datum`,
        ),
      );
    if (recentIds?.seen(writer.firstText(bytes, datum)) && replay === null) {
      block.excluded.push({ offset, reason: repeated, detail: '' });
      return null;
    }
    const { schemaId } = writer;
    let datums = block.datums.get(schemaId);
    if (datums === undefined) {
      datums = { block: createDatumBlock(writer.header, partition), firstOffset: offset };
      block.datums.set(schemaId, datums);
    }
    datums.block.append(offset, bytes, datum, end);
    block.rows += 1;
    block.bytes += end - datum;
    inFlight.add(end - datum);
    return null;
  };

  const note = (traceparent: string | undefined): void => {
    if (traceparent?.endsWith('-01'))
      growing?.traceparents.push({ traceparent, appendedAtMs: clock.nowMs() });
  };

  const wantsTraces = (): boolean => growing === null || growing.traceparents.length < tracedPerBlockMax;

  const acceptRecord = async (record: IncomingRecord, control: BatchControl): Promise<void> => {
    const offset = Number(record.offset);
    if (offset < position) return;
    await beforeOffset(offset, control);
    const { value, timestampMs } = record;
    const take = (writer?: Writer) =>
      append(
        offset,
        timestampMs,
        value ?? nothing,
        0,
        value === null ? -1 : value.length,
        () => record,
        writer,
      );
    const unknownId = take();
    if (unknownId !== null) take(await writerOf(unknownId, control));
    if (wantsTraces()) note(record.headers.traceparent);
    if (isDue()) await handOver(control);
  };

  const acceptPack = async (pack: RecordPack, lastOffset: number, control: BatchControl): Promise<void> => {
    const cursor = new PackCursor(pack);
    const whole = () => cursor.record();
    // One search of the whole for the few packs, or many, that carry no traces at all.
    const traced = pack.bytes.includes('traceparent');
    while (cursor.next()) {
      const { offset } = cursor;
      if (offset < position) continue;
      if (replay !== null) await beforeOffset(offset, control);
      const { bytes, timestampMs, valueStart, valueEnd } = cursor;
      const unknownId = append(offset, timestampMs, bytes, valueStart, valueEnd, whole);
      if (unknownId !== null) {
        const writer = await writerOf(unknownId, control);
        append(offset, timestampMs, bytes, valueStart, valueEnd, whole, writer);
      }
      // The last digit of the flags says whether the trace is recorded: few are, so few become strings.
      if (
        traced &&
        wantsTraces() &&
        cursor.findHeader('traceparent') &&
        bytes[cursor.foundEnd - 1] === digitOne
      )
        note(bytes.toString('latin1', cursor.foundStart, cursor.foundEnd));
      if (isDue()) await handOver(control);
    }
    await passOver(lastOffset, control);
  };

  /** Up to `offset` there is nothing more to read: markers of transactions, what was aborted or compacted away. */
  const passOver = async (offset: number, control: BatchControl): Promise<void> => {
    if (offset < position) return;
    await beforeOffset(offset, control);
    if (growing === null) open();
    position = offset + 1;
    if (isDue()) await handOver(control);
  };

  /** The end of the block to rebuild may have been removed from the log (compaction, retention). */
  const beforeOffset = async (offset: number, control: BatchControl): Promise<void> => {
    if (replay === null || offset <= replay.lastOffset) return;
    if (growing === null) open();
    position = replay.lastOffset + 1;
    await handOver(control);
  };

  const isDue = (): boolean =>
    replay !== null ? position > replay.lastOffset : growing !== null && isFull(growing);

  const drained = async (): Promise<void> => {
    while (!closed && (growing !== null || inserting !== null)) {
      if (inserting === null) begin();
      await inserting;
    }
  };

  /** Hands the growing block over to be inserted, waiting for the one before it. */
  const handOver = async (control: BatchControl): Promise<void> => {
    const block = growing;
    while (growing === block && inserting !== null) {
      await Promise.race([inserting, sleep(heartbeatMs)]);
      await stillOurs(control);
    }
    if (growing !== null && growing === block) begin();
  };

  return {
    startOffset,
    accept: async (batch, control) => {
      latest = control;
      if (closed) throw new PartitionMoved(route.topic, partition);
      while (inFlight.full) {
        await inFlight.room(heartbeatMs);
        await stillOurs(control);
      }
      highWatermark = batch.highWatermark;
      // Skipping to there would lose what is written until then, reading on would mix up two logs.
      if (highWatermark < position)
        throw new PlatformError(
          'clickhouse_rejected',
          `${route.table} holds ${route.topic}-${partition} up to ${position}, but its log ends at ${highWatermark}: was the topic made anew without emptying the table and ingest_blocks?`,
          { retriable: true },
        );
      const last = batch.records.at(-1)?.offset;
      tellLag();
      behind = last !== undefined && batch.highWatermark - last > 1n;
      for (const record of batch.records) {
        if (record.pack === undefined) await acceptRecord(record, control);
        else await acceptPack(record.pack, Number(record.offset), control);
      }
    },
    drained,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await Promise.race([inserting, sleep(closeWaitMsMax)]);
      if (growing !== null) inFlight.remove((growing as GrowingBlock).bytes);
      growing = null;
    },
  };
};

const nothing = Buffer.alloc(0);
const digitOne = 0x31;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const malformed = (message: string) => new PlatformError('datum_malformed', message, { retriable: false });
