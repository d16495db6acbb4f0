import { hash, verify } from '@node-rs/argon2';
import { unavailable } from '#platform/http/problem-details';
import { createAdmission } from '#platform/waiting/admission';

/** OWASP's second argon2id profile (the package's algorithm 2 is argon2id): 19 MiB, two passes, one lane. */
const argon2id = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export type PasswordHasher = {
  hash(password: string): Promise<string>;
  /** Takes the same time for an account that does not exist (`stored` undefined), and is false. */
  matches(stored: string | undefined, password: string): Promise<boolean>;
};

/**
 * Hashing is made to be expensive, so it is the cheapest way to exhaust a server from outside: at most
 * `concurrentMax` at a time and `waitingMax` in the queue, past that 503.
 */
export const createPasswordHasher = async (bounds: {
  concurrentMax: number;
  waitingMax: number;
}): Promise<PasswordHasher> => {
  const admission = createAdmission(bounds.concurrentMax);
  const admit = async <T>(work: () => Promise<T>): Promise<T> => {
    if (admission.running >= bounds.concurrentMax && admission.waiting >= bounds.waitingMax)
      throw unavailable('busy', 'Too many people are logging in at the moment.', 2);
    return admission.run(work);
  };
  const nobodys = await hash('the password of nobody', argon2id);
  return {
    hash: (password) => admit(() => hash(password, argon2id)),
    matches: async (stored, password) => {
      const isMatch = await admit(() => verify(stored ?? nobodys, password));
      return stored !== undefined && isMatch;
    },
  };
};
