/**
 * With this header a service says to the gateway that an answer is the same for all callers with one of some roles, and for
 * how long. The gateway may then send it to them again, and passes the header on to nobody. Callers without a token have
 * the role `anonymous`.
 */
export const sharedAnswerHeader = 'x-shared-answer';

export type SharedAnswer = {
  roles: readonly string[];
  ageMsMax: number;
  /** An id (a UUID) in the body in whose place every caller gets one of his own. */
  ownId?: string | undefined;
};

export const encodeSharedAnswer = ({ roles, ageMsMax, ownId }: SharedAnswer): string =>
  `roles=${roles.join(',')}; ms=${ageMsMax}${ownId === undefined ? '' : `; id=${ownId}`}`;

/** Undefined for a text that `encodeSharedAnswer` did not make. */
export const decodeSharedAnswer = (header: unknown): SharedAnswer | undefined => {
  const [, roles, ms, ownId] =
    /^roles=([\w,-]+); ms=(\d{1,6})(?:; id=([\da-f-]{36}))?$/.exec(String(header)) ?? [];
  return roles === undefined ? undefined : { roles: roles.split(','), ageMsMax: Number(ms), ownId };
};
