import { describe, expect, it } from 'vitest';
import { loopHeldMaxMs } from './loop-watch.js';
import type { Problem } from './problem-details.js';
import { depthMax, separatorsMaxByDefault, strictJson } from './strict-json.js';

const bodyBytesMax = 1_048_576;
const distinctKeys = (count: number): string =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n.toString(36)}`, 0])));
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const refusalOf = (text: string, limits = {}): Problem | undefined => {
  try {
    strictJson(Buffer.from(text), limits);
    return undefined;
  } catch (error) {
    return error as Problem;
  }
};

/** Processor time of this process, which other processes on the machine do not add to. The least of a few. */
const leastCpuMs = (work: () => void): number => {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    leastMs = Math.min(leastMs, (user + system) / 1000);
  }
  return leastMs;
};

describe('a body of the largest size', () => {
  it.each([
    ['of a hundred thousand keys', distinctKeys(100_000)],
    ['of small values', `[${'0,'.repeat(bodyBytesMax / 2 - 2)}0]`],
    ['nested half a million deep', `{"events":${nested(500_000)}}`],
    ['nested and never closed', '['.repeat(bodyBytesMax)],
    ['nested below a name that is looked for', `{"constructor":${nested(500_000)}}`],
  ])('%s is refused within the bound of the loop watch', (_what, text) => {
    expect(text.length).toBeLessThanOrEqual(bodyBytesMax * 1.2);
    expect(refusalOf(text)).toMatchObject({ status: 400, code: 'invalid_body' });
    const bytes = Buffer.from(text);
    const tookMs = leastCpuMs(() => {
      expect(() => strictJson(bytes)).toThrow();
    });
    expect(tookMs).toBeLessThan(loopHeldMaxMs / 2);
  });
});

describe('the size of a value', () => {
  it('is bounded in depth, wherever the body is', () => {
    expect(refusalOf(nested(depthMax))).toBeUndefined();
    expect(refusalOf(nested(depthMax + 1))).toMatchObject({
      errors: [{ path: '', message: `is nested more than ${depthMax} deep` }],
    });
    expect(refusalOf(`[${'[],'.repeat(depthMax + 1)}{}]`)).toBeUndefined();
  });

  it('is bounded in members and items, more for a route that says so', () => {
    const items = (count: number) => `[${new Array(count).fill(0).join()}]`;
    expect(refusalOf(items(separatorsMaxByDefault + 1))).toBeUndefined();
    const tooMany = items(separatorsMaxByDefault + 2);
    expect(refusalOf(tooMany)).toMatchObject({ status: 400, code: 'invalid_body' });
    expect(refusalOf(tooMany, { separatorsMax: separatorsMaxByDefault + 1 })).toBeUndefined();
  });

  it('is not what stands within a text', () => {
    const said = '[{:,"\\'.repeat(separatorsMaxByDefault);
    const text = JSON.stringify({ said, 'a"[': 'é\\', [said.slice(0, 900)]: 1 });
    expect(strictJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });
});

describe('a name twice in an object', () => {
  it.each([
    '{"quantity":1,"quantity":2}',
    '{"items":[{"a":1},{"a":1,"b":{"c":[],"c":[]}}]}',
    '{"quantity":1,"quant\\u0069ty":1}',
  ])('is refused, because one of the two would be dropped: %s', (text) => {
    expect(refusalOf(text)).toMatchObject({ status: 400, code: 'malformed_json' });
  });

  it('is no matter of two objects, of texts, or of names like those of JavaScript', () => {
    const text = '[{"a":1},{"a":{"a":"a:a:"}},{"toString":1,"length":[]}]';
    expect(strictJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });
});
