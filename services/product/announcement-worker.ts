import type { RedisClient } from '#platform/redis/client';
import type { Component, Host } from '#platform/service-host';
import { sleep } from '#platform/waiting/sleep';
import {
  anythingChanged,
  type CatalogueChange,
  catalogueChannel,
  encodeCatalogueChange,
} from '#schemas/catalogue-changes';

const tryAgainMs = 250;

/**
 * Announces changes of the catalogue to those who cache it. Where an announcement may have got lost it announces, as soon
 * as Redis takes it, that anything may have changed: after one that failed, and at the start, because the process before
 * may have died between a commit and its announcement.
 */
export const createAnnouncer = (
  { stopping }: Pick<Host, 'stopping'>,
  redis: Pick<RedisClient, 'orElse'>,
): Component & { announce(change: CatalogueChange): void } => {
  let lost = 0;
  let isMakingUp = false;

  const publish = async (text: string): Promise<boolean> =>
    (await redis.orElse((client) => client.publish(catalogueChannel, text), -1)) >= 0;

  const makeUp = async (): Promise<void> => {
    lost += 1;
    if (isMakingUp) return;
    isMakingUp = true;
    for (let madeUp = 0; madeUp < lost && !stopping.aborted; ) {
      const before = lost;
      if (await publish(anythingChanged)) madeUp = before;
      else await sleep(tryAgainMs, { signal: stopping });
    }
    isMakingUp = false;
  };

  return {
    name: 'catalogue announcements',
    start: async () => void makeUp(),
    stop: async () => {},
    announce: (change) =>
      void publish(encodeCatalogueChange(change)).then((isSent) => (isSent ? undefined : makeUp())),
  };
};
