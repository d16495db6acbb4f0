import { expect, it } from 'vitest';
import { withSignsOfLife } from '#platform/waiting/signs-of-life';
import { sleep } from '#platform/waiting/sleep';

const joined = async (pieces: AsyncIterable<string>): Promise<string> => {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
};

it('an answer goes on while its next piece is waited for, and has all of them in their order', async () => {
  async function* slowly(): AsyncGenerator<string> {
    for (const piece of ['{"a":', '[', ']}']) {
      await sleep(100);
      yield piece;
    }
  }
  const text = await joined(withSignsOfLife(slowly(), 20));
  expect(text.match(/\n/g)?.length).toBeGreaterThan(2);
  expect(JSON.parse(text)).toEqual({ a: [] });
  expect(await joined(withSignsOfLife(slowly(), 60_000))).toBe('{"a":[]}');
});

it('an answer fails as its pieces do, and lets go of them where nobody wants it any more', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield 'a';
    throw new Error('no more');
  }
  await expect(joined(withSignsOfLife(failing(), 20))).rejects.toThrow('no more');
  let isOver = false;
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) {
        yield 'a';
        await sleep(10);
      }
    } finally {
      isOver = true;
    }
  }
  for await (const piece of withSignsOfLife(endless(), 20)) if (piece === 'a') break;
  await sleep(50);
  expect(isOver).toBe(true);
});
