import { describe, expect, it } from 'vitest';
import { accountKey } from '../services/gateway/login-account.js';
import { normaliseEmail } from '../services/user/user.js';

describe('the login limit', () => {
  it('takes for one account whatever the user service takes for one, character by character', () => {
    const parted: string[] = [];
    // Beyond are ideographs, which have neither case nor spacing, and the unassigned.
    for (let point = 1; point <= 0x1ffff; point += 1) {
      const character = String.fromCodePoint(point);
      if (/[\p{Cn}\p{Cs}\p{Co}]|\p{Script=Hangul}|\p{Unified_Ideograph}/u.test(character)) continue;
      const email = `${character}a${character}`;
      if (accountKey(email) !== accountKey(normaliseEmail(email))) parted.push(point.toString(16));
    }
    expect(parted).toEqual([]);
  });
});
