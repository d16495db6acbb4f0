import type { ClosedBlock } from './block-insert.js';
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
 */
export type Gathering = {
  join(member: GatherMember): void;
  leave(member: GatherMember): void;
  /** Inserts the block of `due`, and others with it. */
  insert(due: GatherMember, alone: (closed: ClosedBlock) => Promise<number>): void;
};

/** At most `bytesMax` bytes of datums go in together, unless a single block has more. */
export const createGathering = (bytesMax: number): Gathering => {
  const members = new Set<GatherMember>();

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

  return {
    join: (member) => {
      members.add(member);
    },
    leave: (member) => {
      members.delete(member);
    },
    insert: (due, alone) => {
      const together = withIt(due).map((member) => ({ member, closed: member.close() }));
      const withRows = together.filter(({ closed }) => closed.work.parts.length > 0);
      const gathered = withRows.length > 1 ? withRows : [];
      const inserts = insertTogether(gathered.map(({ closed }) => closed));
      for (const each of together) {
        const at = gathered.indexOf(each);
        each.member.inserting(at < 0 ? alone(each.closed) : (inserts[at] as Promise<number>));
      }
    },
  };
};
