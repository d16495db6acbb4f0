import { expect, it } from 'vitest';
import { wishOf } from './keys.ts';

const press = (key: string) => wishOf({ key, repeat: false });
const held = (key: string) => wishOf({ key, repeat: true });

it('a key moves or judges', () => {
  expect(['j', 'k', 'a', 'r', 'x'].map(press)).toEqual([
    'next',
    'previous',
    'approved',
    'rejected',
    undefined,
  ]);
});

it('a key that is held down goes on moving, and judges once', () => {
  expect(['j', 'k', 'a', 'r'].map(held)).toEqual(['next', 'previous', undefined, undefined]);
});
