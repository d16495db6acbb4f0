import { newId } from './new-id.ts';

/** An act that was sent: what it does, and the key under which the server knows it. */
export type Sent = { what: string; key: string };

/**
 * What a press of a button sends. After a lost answer the same act goes under the same key, so that it happens once; another
 * one has a key of its own, and so has the same one once more after an answer.
 */
export const sentAs = (what: string, unanswered: Sent | undefined): Sent =>
  unanswered?.what === what ? unanswered : { what, key: newId() };
