import { PlatformError } from '#platform/errors';
import type { Target } from './delivery.js';
import type { Message } from './message-texts.js';
import type { ChannelName } from './notification.js';

/** What a provider answers: it took the message, or will never take it. */
export type Answer = { status: 'sent' } | { status: 'refused'; reason: string };

/** A way to send messages. All of them are used alike. */
export type Channel<C extends ChannelName = ChannelName> = {
  name: C;
  /**
   * Hands the message to the provider. `id` is the same at every attempt, for providers and receivers that recognise
   * repeats. Throws a retriable fault where a later attempt may succeed: `TargetAway`, or one of the whole channel.
   */
  send(message: Message, target: Extract<Target, { channel: C }>, id: string): Promise<Answer>;
  close(): Promise<void>;
};

/** A retriable fault of one place, which says nothing about the channel's others: they are tried meanwhile. */
export class TargetAway extends PlatformError {
  constructor(message: string, cause?: unknown) {
    super('dependency_unavailable', message, { retriable: true, cause });
  }
}

/** The channels that are set up. */
export type Channels = { readonly [C in ChannelName]?: Channel<C> };
