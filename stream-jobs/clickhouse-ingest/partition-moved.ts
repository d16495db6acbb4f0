import { PlatformError } from '#platform/errors';

/** Thrown where this process finds that a partition belongs to another; the broker will give it again or not. */
export class PartitionMoved extends PlatformError {
  constructor(topic: string, partition: number) {
    super('broker_unavailable', `${topic}-${partition} belongs to another consumer now`, { retriable: true });
  }
}

export const hasMoved = (error: unknown): boolean => error instanceof PartitionMoved;
