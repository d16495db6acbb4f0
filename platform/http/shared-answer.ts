/**
 * With this header a service says to the gateway that an answer is the same for all callers with one of some roles, and for
 * how long. The gateway may then send it to them again, and passes the header on to nobody.
 */
export const sharedAnswerHeader = 'x-shared-answer';

export type SharedAnswer = { roles: readonly string[]; ageMsMax: number };

export const encodeSharedAnswer = ({ roles, ageMsMax }: SharedAnswer): string =>
  `roles=${roles.join(',')}; ms=${ageMsMax}`;

/** Undefined for a text that `encodeSharedAnswer` did not make. */
export const decodeSharedAnswer = (header: unknown): SharedAnswer | undefined => {
  const [, roles, ms] = /^roles=([\w,-]+); ms=(\d{1,6})$/.exec(String(header)) ?? [];
  return roles === undefined ? undefined : { roles: roles.split(','), ageMsMax: Number(ms) };
};
