import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  emailAddress,
  instant,
  line,
  matching,
  prose,
  text,
  uuid,
  visibleProse,
  wholeNumber,
} from './text.js';

describe('text', () => {
  it('that cannot be written as UTF-8 is refused', () => {
    for (const schema of [line(10), prose(10)]) {
      expect(schema.safeParse('\ud800x').success).toBe(false);
      expect(schema.safeParse('x\udc00').success).toBe(false);
      expect(schema.parse('\u{1f600}')).toBe('\u{1f600}');
    }
  });
});

describe('a line', () => {
  it.each([
    ['a NUL', 'a\0'],
    ['an escape', 'a\x1b[2J'],
    ['DEL', 'a\x7f'],
    ['a control character of the second block', 'a\x85b'],
    ['a line break', 'a\nb'],
    ['a line separator', 'a\u2028b'],
    ['nothing', ''],
    ['only blanks', ' \u3000\u00a0'],
    ['only a zero-width space', '\u200b'],
    ['only joiners, marks and fillers', '\u200d\ufeff\u2060\u3164\u2800\u00ad'],
    ['only tags beyond the basic plane', '\u{e0041}\u{e0042}'],
    ['one character too many', 'a'.repeat(11)],
  ])('does not take %s', (_what, value) => {
    expect(line(10).safeParse(value).success).toBe(false);
  });

  it.each(['Ada', 'Zoë', '李', '👩‍👩‍👧', 'می‌خواهم', '\u200eabc'])('takes %s', (value) => {
    expect(line(20).safeParse(value).success).toBe(true);
  });
});

describe('prose that somebody has to read', () => {
  it.each(['', ' \n\t', '\u202e\u200b', '\u{e0041}', 'a\0'])('is not %j', (value) => {
    expect(visibleProse(10).safeParse(value).success).toBe(false);
  });

  it('is several lines, one of which says something', () => {
    expect(visibleProse(10).parse('\n a\n')).toBe('\n a\n');
  });
});

it('says once what is wrong with a text', () => {
  for (const schema of [line(10), visibleProse(10)])
    expect(schema.safeParse('\u200b').error?.issues.map(({ message }) => message)).toEqual([
      'must contain a visible character',
    ]);
});

describe('the time to look at a text', () => {
  const kinds = {
    line: line(200),
    prose: prose(500),
    visibleProse: visibleProse(500),
    email: emailAddress,
    instant,
    uuid,
    text: text(10),
    number: wholeNumber(0, 9),
    matching: matching(64, /^[\w.:-]{1,64}$/),
  };
  const hostile = ['a', ' ', '.', '@', 'a.', '-', '0', '\u200b', 'ä', '/'];

  it.each(Object.entries(kinds))('of a megabyte is that of its length: %s', (_name, schema) => {
    for (const part of hostile)
      for (const end of ['', '\u0001', '@', '\n']) {
        const startedAtMs = performance.now();
        expect(schema.safeParse(part.repeat(1_000_000 / part.length) + end).success).toBe(false);
        // A pattern that backtracks takes hours.
        expect(performance.now() - startedAtMs).toBeLessThan(1000);
      }
  });
});

describe('a time', () => {
  it.each(['0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59+05:00'])(
    'is taken in a year that UTC has: %s',
    (time) => {
      expect(instant.parse(time)).toBe(time);
      expect(z.iso.datetime().safeParse(new Date(time).toISOString()).success).toBe(true);
    },
  );

  it.each(['9999-12-31T23:59:59-05:00', '0000-01-01T00:00:00+00:01'])(
    'is not taken in one that no answer could show: %s',
    (time) => expect(instant.safeParse(time).success).toBe(false),
  );
});

describe('an e-mail address', () => {
  it('has at most 64 characters before the @', () => {
    expect(emailAddress.safeParse(`${'a'.repeat(64)}@example.com`).success).toBe(true);
    expect(emailAddress.safeParse(`${'a'.repeat(65)}@example.com`).success).toBe(false);
  });

  it('has labels of at most 63 characters after it', () => {
    expect(emailAddress.safeParse(`a@${'b'.repeat(63)}.com`).success).toBe(true);
    expect(emailAddress.safeParse(`a@${'b'.repeat(64)}.com`).success).toBe(false);
  });
});

describe('an id', () => {
  it('is the same in capitals', () => {
    const id = '018f3f6e-5c3a-7b57-9c1e-0a4a5c9d0001';
    expect(uuid.parse(id.toUpperCase())).toBe(id);
    expect(uuid.safeParse('018f').success).toBe(false);
  });

  it('is documented as one that is kept as it was sent', () => {
    expect(z.toJSONSchema(uuid, { io: 'input' })).toEqual(z.toJSONSchema(z.uuid(), { io: 'input' }));
  });
});
