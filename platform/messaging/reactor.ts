import type { Broker } from '#platform/messaging/broker';
import type { EventTable, ReceivedEvent } from '#platform/messaging/events';
import type { SchemaRegistry } from '#platform/messaging/schema-registry';
import type { Database } from '#platform/postgres/pool';
import type { Tx } from '#platform/postgres/transaction';
import type { Component, Host } from '#platform/service-host';

/** What a service does when an event arrives: writes state and appends to the outbox, in `tx` alone. */
export type Reaction<T extends string, V> = (tx: Tx, event: ReceivedEvent<T, V>) => Promise<void>;

/** Choreography as a table: an event type that is not in it is passed over. */
export type Reactions<E> = { [T in keyof E & string]?: Reaction<T, E[T]> };

export type ReactorOptions<E> = {
  broker: Broker;
  db: Database;
  registry: SchemaRegistry;
  /** Where each event lives; `records` of the schemas. */
  events: EventTable;
  /** `<service>.<purpose>`; also the inbox's consumer. */
  group: string;
  /** The topics of the types reacted to, if unset. */
  topics?: readonly string[];
  reactions: Reactions<E>;
  /** 100 if unset. */
  eventsPerTransactionMax?: number;
  /** Each takes a connection of the pool while it works. 3 if unset. */
  partitionsConcurrentlyMax?: number;
};

export const createReactor = <E>(_host: Host, _options: ReactorOptions<E>): Component => {
  throw new Error('not yet');
};
