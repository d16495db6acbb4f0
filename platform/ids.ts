import { v7 } from 'uuid';
import type { Clock } from '#platform/clock';

/** A UUIDv7: 48 bits of `clock` in front, so ids made later sort later (to the millisecond). */
export const newId = (clock?: Clock): string => (clock ? v7({ msecs: clock.nowMs() }) : v7());
