import { describe, expect, it } from 'vitest';
import { assertVersion, etagOf, versionedEtag } from './etag.js';

const stale = expect.objectContaining({ status: 412, code: 'stale_version' });
const asked = (ifMatch?: string) => () => assertVersion({ headers: { 'if-match': ifMatch } }, 12);

describe('a version that an update is based on', () => {
  it('is the first part of the tag, whatever the rest says', () => {
    const { length } = versionedEtag(12, { prices: [1] });
    expect(length).toBeLessThan(64);
    for (const tag of [
      versionedEtag(12, '3.4'),
      versionedEtag(12, { prices: [1] }),
      etagOf(12),
      '*',
      ' * ',
      `"1.a", ${versionedEtag(12, { prices: [2] })}`,
    ])
      expect(asked(tag), tag).not.toThrow();
    expect(asked()).not.toThrow();
  });

  it.each([
    '"1.12"',
    '"120.1"',
    '"12',
    '12.1',
    'W/"12.1"',
    '"12.1',
    '',
    '"12.a b"',
    `"12.${'a'.repeat(65)}"`,
  ])('is not that of %j', (tag) => {
    expect(asked(tag)).toThrow(stale);
  });

  it('is found in a long header in no time', () => {
    const startedAtMs = performance.now();
    expect(asked(`"12.${'a'.repeat(60)}`.repeat(1000))).toThrow(stale);
    expect(performance.now() - startedAtMs).toBeLessThan(1000);
  });
});
