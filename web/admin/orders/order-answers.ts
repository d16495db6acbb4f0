import type { components } from '../../api/schema.d.ts';

export type Order = components['schemas']['Order'];
export type TimelineEvent = components['schemas']['OrderTimeline']['items'][number];
