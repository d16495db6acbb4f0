import { PlatformError } from '#platform/errors';

/** Thrown when this process finds that another one owns the partition. */
export class PartitionMoved extends PlatformError {
  constructor(topic: string, partition: number) {
    super('broker_unavailable', `${topic}-${partition} belongs to another consumer now`, { retriable: true });
  }
}

export const hasMoved = (error: unknown): boolean => error instanceof PartitionMoved;
