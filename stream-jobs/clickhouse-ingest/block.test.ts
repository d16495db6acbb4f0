import { expect, it } from 'vitest';
import { PlatformError } from '#platform/errors';
import { addToBlock, openBlock } from './block.js';
import { createBlockRule } from './block-rule.js';

const bytesMax = 8_000_000;
const rule = createBlockRule(
  { blockBytesMax: bytesMax, blockRowsMax: 1_000_000, backlogBlockWaitMs: 1_000 },
  400,
);
const junk = Buffer.alloc(1_000_000);
const cause = new PlatformError('datum_malformed', 'junk', { retriable: false });
const recordAt = (offset: number, valueEnd: number) => ({
  offset,
  timestampMs: 0,
  bytes: junk,
  valueStart: 0,
  valueEnd,
  record: () => ({
    key: null,
    value: junk,
    headers: {},
    rawHeaders: [],
    offset: BigInt(offset),
    timestampMs: 0,
  }),
});

it('a block holds no more poison in memory than rows', () => {
  const block = openBlock(0, 0);
  let held = 0;
  for (let offset = 0; !rule.isFull(block); offset += 1)
    held += addToBlock(block, recordAt(offset, junk.length), { kind: 'poison', cause }, 0);
  expect([block.poison.length, block.bytes, held]).toEqual([8, bytesMax, bytesMax]);
});

it('poison without a value takes no room', () => {
  const block = openBlock(0, 0);
  expect(addToBlock(block, recordAt(0, -1), { kind: 'poison', cause }, 0)).toBe(0);
  expect(block).toMatchObject({ bytes: 0, excluded: [{ offset: 0, reason: 'datum_malformed' }] });
});
