import type { Queryable } from '#platform/postgres/pool';

declare const transaction: unique symbol;

/** A connection inside a transaction. A function that takes a `Tx` cannot be called outside a transaction. */
export type Tx = Queryable & {
  readonly [transaction]: true;
  /**
   * For effects that must not happen when the transaction is rolled back: counting, logging. Called after the commit,
   * in the order of registration, under the caller's correlation; not called if the process dies before. An effect that is
   * `orUnknown` is called too when the connection is lost during COMMIT: then the change may be there.
   */
  afterCommit(effect: () => void, options?: { orUnknown?: boolean }): void;
  /**
   * Runs `batch` for this input together with the same calls of the other works of this transaction, of which there are
   * several in a reactor's or a joint transaction. An error of the batch rejects all of its calls.
   */
  gather<I, O>(batch: Batch<I, O>, input: I): Promise<O>;
};

/**
 * A statement, or a few, for many calls at once: the answer to each input, in the order of the inputs. Reads nothing from
 * the async context, because the calls come from different requests or events.
 */
export type Batch<I, O> = ((tx: Tx, inputs: readonly I[]) => Promise<readonly O[]>) & {
  /** True for a batch that changes nothing: a call of it leaves nothing that a refusal has to undo. */
  readonly isRead?: true;
};
