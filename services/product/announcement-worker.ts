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
  let isLost = false;
  let isMakingUp = false;

  const publish = async (text: string): Promise<boolean> =>
    (await redis.orElse((client) => client.publish(catalogueChannel, text), -1)) >= 0;

  const makeUp = async (): Promise<void> => {
    isLost = true;
    if (isMakingUp) return;
    isMakingUp = true;
    while (isLost && !stopping.aborted) {
      // This one does not make up for what gets lost from here on.
      isLost = false;
      if (await publish(anythingChanged)) continue;
      isLost = true;
      await sleep(tryAgainMs, { signal: stopping });
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
