import { expect, it } from 'vitest';
import { dropAnswered, keepAsked, unansweredIn } from './unanswered.ts';

const storage = () => {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
};

const teacup = { productId: 'teacup', quantity: 1 };
const lantern = { productId: 'lantern', quantity: 3 };

it('what was asked for is kept until it is answered, the last quantity of each product', () => {
  const kept = storage();
  keepAsked(kept, teacup, undefined, 0);
  keepAsked(kept, lantern, undefined, 1);
  keepAsked(kept, { ...teacup, quantity: 2 }, undefined, 2);
  expect(unansweredIn(kept, undefined, 3)).toEqual([{ productId: 'teacup', quantity: 2 }, lantern]);
  // The answer to the first quantity is not the answer to the second.
  dropAnswered(kept, teacup);
  dropAnswered(kept, lantern);
  expect(unansweredIn(kept, undefined, 3)).toEqual([{ productId: 'teacup', quantity: 2 }]);
  dropAnswered(kept, { ...teacup, quantity: 2 });
  expect(unansweredIn(kept, undefined, 3)).toEqual([]);
});

it('it is of the buyer who asked for it, and not for ever', () => {
  const kept = storage();
  keepAsked(kept, teacup, 'ada', 0);
  expect(unansweredIn(kept, undefined, 1)).toEqual([]);
  expect(unansweredIn(kept, 'ada', 1)).toEqual([teacup]);
  expect(unansweredIn(kept, 'ada', 10 * 60_000)).toEqual([]);
  keepAsked(kept, lantern, 'bob', 2);
  expect(unansweredIn(kept, 'bob', 3)).toEqual([lantern]);
});

it('what lies in the storage and is none of this is nothing', () => {
  const kept = storage();
  for (const text of ['{"quantities":', '7', '{"quantities":null}', 'null']) {
    kept.setItem('cartstream.cart.unanswered', text);
    expect(unansweredIn(kept, undefined, 0)).toEqual([]);
  }
});
