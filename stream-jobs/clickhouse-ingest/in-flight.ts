import { createAdmission } from '#platform/waiting/admission';

/** Bounds the memory and the concurrent inserts of all partitions together. */
export type InFlight = {
  /** Bytes in blocks that are growing or being inserted. */
  readonly bytes: number;
  readonly full: boolean;
  add(bytes: number): void;
  remove(bytes: number): void;
  /** Resolves when there may be room again, or after `waitMs`. */
  room(waitMs: number): Promise<void>;
  /** Runs `work` when fewer than `insertsMax` others run, in the order of the calls. */
  insert<T>(work: () => Promise<T>): Promise<T>;
};

export const createInFlight = (bytesMax: number, insertsMax: number): InFlight => {
  let bytes = 0;
  const inserts = createAdmission(insertsMax);
  const roomWanted = new Set<() => void>();

  return {
    get bytes() {
      return bytes;
    },
    get full() {
      return bytes >= bytesMax;
    },
    add: (more) => {
      bytes += more;
    },
    remove: (less) => {
      bytes -= less;
      if (bytes < bytesMax) for (const resolve of roomWanted) resolve();
    },
    room: (waitMs) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          roomWanted.delete(done);
          resolve();
        };
        const timer = setTimeout(done, waitMs);
        roomWanted.add(done);
      }),
    insert: inserts.run,
  };
};
