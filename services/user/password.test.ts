import { expect, it } from 'vitest';
import { createPasswordHasher } from './password.js';

it('a password is the same however its letters are composed', async () => {
  const passwords = await createPasswordHasher({ concurrentMax: 1, waitingMax: 10 });
  const stored = await passwords.hash('cafe\u0301 au lait');
  expect(await passwords.matches(stored, 'caf\u00e9 au lait')).toBe(true);
  expect(await passwords.matches(stored, 'cafe au lait')).toBe(false);
  expect(await passwords.matches(undefined, 'caf\u00e9 au lait')).toBe(false);
});
