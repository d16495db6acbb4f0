import { hash, verify } from '@node-rs/argon2';
import { unavailable } from '#platform/http/problem-details';
import { createAdmission } from '#platform/waiting/admission';

/** OWASP's second argon2id profile (the package's algorithm 2 is argon2id): 19 MiB, two passes, one lane. */
const argon2id = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export type PasswordHasher = {
  hash(password: string): Promise<string>;
  /** False for an account that does not exist (`stored` undefined), after the same time. */
  matches(stored: string | undefined, password: string): Promise<boolean>;
};

/**
 * Hashing is deliberately expensive, so an attacker could exhaust the server with it. At most `concurrentMax` run at a
 * time and `waitingMax` wait; further ones are answered with 503.
 */
export const createPasswordHasher = async (bounds: {
  concurrentMax: number;
  waitingMax: number;
}): Promise<PasswordHasher> => {
  const admission = createAdmission(bounds.concurrentMax);
  const admit = async <T>(work: () => Promise<T>): Promise<T> => {
    if (admission.running >= bounds.concurrentMax && admission.waiting >= bounds.waitingMax)
      throw unavailable('busy', 'Too many logins are in progress at the moment. Try again.', 2);
    return admission.run(work);
  };
  // Keyboards compose letters differently, and people cannot see it (NIST SP 800-63B section 5.1.1.2).
  const spelled = (password: string): string => password.normalize('NFKC');
  const nobodys = await hash('the password of nobody', argon2id);
  return {
    hash: (password) => admit(() => hash(spelled(password), argon2id)),
    matches: async (stored, password) => {
      const isMatch = await admit(() => verify(stored ?? nobodys, spelled(password)));
      return stored !== undefined && isMatch;
    },
  };
};
