import { expect, test } from 'vitest';
import { createLetters } from './letters.js';

const letter = (messageId: string, to = 'ada@example.com') => ({
  messageId,
  to: [to],
  from: '',
  subject: messageId,
  text: '',
  html: '',
  receivedAt: '',
});

test('a letter that comes again is there once, and the oldest make room', () => {
  const letters = createLetters(2);
  for (const id of ['a', 'b', 'a']) letters.add(letter(id));
  expect(letters.list().map(({ messageId }) => messageId)).toEqual(['a', 'b']);
  letters.add(letter('c', 'bob@example.com'));
  expect(letters.list().map(({ messageId }) => messageId)).toEqual(['c', 'a']);
  expect(letters.list('Bob@Example.com').map(({ messageId }) => messageId)).toEqual(['c']);
  for (let nth = 0; nth < 2; nth += 1) letters.add(letter(''));
  expect(letters.list().map(({ messageId }) => messageId)).toEqual(['', '']);
});
