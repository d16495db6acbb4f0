import { endsWithin } from '#platform/waiting/deadline';
import { type ClosedBlock, insertBlock } from './block-insert.js';
import { insertTogether } from './gathered-insert.js';

/** The pipeline of one partition, as its table's gathering sees it. */
export type GatherMember = {
  readonly topic: string;
  readonly partition: number;
  /** The size of the block that could be inserted now; null while there is none, or the previous one is inserted. */
  readyBytes(): number | null;
  /** Closes that block. */
  close(): ClosedBlock;
  /** The insert of the block that was closed last. */
  inserting(insert: Promise<number>): void;
};

/**
 * Gathers the blocks of a table. When one of them is due, those of the other partitions that lie ready go in with it.
 * With little traffic a table then gets one small insert for a moment's records, however many partitions they are on; with
 * much traffic it gets fewer and larger ones.
 *
 * While an insert of the table runs, small blocks that become due wait for its end and go in together. If each went as soon
 * as its partition's previous one was in, all partitions would insert by themselves once inserts take longer than blocks wait, and
 * so many small inserts would keep it so.
 */
export type Gathering = {
  join(member: GatherMember): void;
  leave(member: GatherMember): void;
  /** Inserts the block of `due` at once, and others with it. */
  insert(due: GatherMember): void;
  /** The same, of a small block when no insert of the table runs. */
  insertInTurn(due: GatherMember): void;
};

/** Below this what an insert costs by itself, whatever it has, is most of its cost. */
const smallBytesMax = 1024 * 1024;
/** Nobody waits longer for another partition's insert, which ClickHouse may refuse for good. */
const turnMsMax = 3_000;

/** At most `bytesMax` bytes of datums go in together, unless a single block has more. */
export const createGathering = (bytesMax: number): Gathering => {
  const members = new Set<GatherMember>();
  /** Those whose blocks are due. */
  const waiting = new Set<GatherMember>();
  /** The newest insert, until all its blocks are in the table or `turnMsMax` have passed. */
  let turn: Promise<unknown> | null = null;

  const withIt = (due: GatherMember): GatherMember[] => {
    const together = [due];
    let bytes = due.readyBytes() ?? 0;
    for (const member of members) {
      if (member === due) continue;
      const more = member.readyBytes();
      if (more === null || bytes + more > bytesMax) continue;
      bytes += more;
      together.push(member);
    }
    // Their order is the order of the rows, which the table sorts by topic and partition.
    return together.sort((one, other) =>
      one.topic === other.topic ? one.partition - other.partition : one.topic < other.topic ? -1 : 1,
    );
  };

  const insert = (due: GatherMember): void => {
    const together = withIt(due).map((member) => ({ member, closed: member.close() }));
    const withRows = together.filter(({ closed }) => closed.work.parts.length > 0);
    const gathered = withRows.length > 1 ? withRows : [];
    const inserts = insertTogether(gathered.map(({ closed }) => closed));
    const all = together.map((each) => {
      const at = gathered.indexOf(each);
      const insert = at < 0 ? insertBlock(each.closed) : (inserts[at] as Promise<number>);
      waiting.delete(each.member);
      each.member.inserting(insert);
      return insert;
    });
    void takeTurn(all);
  };

  const takeTurn = async (inserts: readonly Promise<number>[]): Promise<void> => {
    const own = endsWithin(turnMsMax, Promise.allSettled(inserts));
    turn = own;
    await own;
    // Where a full block has gone meanwhile, those that wait do not wait for it too.
    if (turn === own) turn = null;
    const next = [...waiting].find((member) => member.readyBytes() !== null);
    if (next !== undefined) insert(next);
  };

  return {
    join: (member) => {
      members.add(member);
    },
    leave: (member) => {
      members.delete(member);
      waiting.delete(member);
    },
    insert,
    insertInTurn: (due) => {
      if (turn !== null && (due.readyBytes() ?? 0) < smallBytesMax) waiting.add(due);
      else insert(due);
    },
  };
};
