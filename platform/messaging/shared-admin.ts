import type { Broker, BrokerAdmin } from '#platform/messaging/broker';

export type SharedAdmin = {
  /** Opens the connection at the first call. Where that fails the next call tries again. */
  open(): Promise<BrokerAdmin>;
  close(): Promise<void>;
};

/** One admin connection for all who ask, also for those who ask while it is being opened. */
export const createSharedAdmin = (broker: Pick<Broker, 'admin'>): SharedAdmin => {
  let opening: Promise<BrokerAdmin> | undefined;
  return {
    open: () => {
      opening ??= broker.admin().catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    close: async () => {
      const open = opening;
      opening = undefined;
      await open?.then((admin) => admin.close()).catch(() => {});
    },
  };
};

/**
 * By a connection of its own, which it closes: one that is open knows a topic's partitions of some minutes ago, and one that
 * is new is not among them.
 */
export const withFreshAdmin = async <T>(
  broker: Pick<Broker, 'admin'>,
  ask: (admin: BrokerAdmin) => Promise<T>,
): Promise<T> => {
  const admin = await broker.admin();
  try {
    return await ask(admin);
  } finally {
    await admin.close();
  }
};
