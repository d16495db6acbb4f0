import { describe, expect, test } from 'vitest';
import { decide, type Hold, type HoldCommand, stateOnHand } from './stock.js';

const lines = [{ productId: 'a', quantity: 2 }];
const reserve: HoldCommand = { type: 'ReserveStock', lines };
const release: HoldCommand = { type: 'ReleaseStock' };
const commit: HoldCommand = { type: 'CommitStock' };
const takeBack: HoldCommand = { type: 'TakeBack', lines };
const held: Hold = { status: 'held', lines };
const committed: Hold = { status: 'committed', lines };
const nothing = { action: 'nothing' };

describe('a hold', () => {
  test('is asked for once, with each product summed and all in one order', () => {
    const twice: HoldCommand = {
      type: 'ReserveStock',
      lines: [
        { productId: 'b', quantity: 1 },
        { productId: 'a', quantity: 1 },
        { productId: 'b', quantity: 2 },
      ],
    };
    expect(decide(twice, { status: 'none' })).toEqual({
      action: 'reserve',
      lines: [
        { productId: 'a', quantity: 1 },
        { productId: 'b', quantity: 3 },
      ],
    });
  });

  test.each([held, committed, { status: 'rejected' }, { status: 'released' }] as Hold[])(
    'that is $status is not asked for again',
    (hold) => {
      expect(decide(reserve, hold)).toEqual(nothing);
    },
  );

  test('is released once', () => {
    expect(decide(release, held)).toEqual({ action: 'release', lines });
    expect(decide(release, { status: 'released' })).toEqual(nothing);
  });

  test('of an order cancelled before it was seen is barred, so that nothing is held for it later', () => {
    expect(decide(release, { status: 'none' })).toEqual({ action: 'bar' });
    expect(decide(reserve, { status: 'released' })).toEqual(nothing);
  });

  test('of a rejected order has nothing to release', () => {
    expect(decide(release, { status: 'rejected' })).toEqual(nothing);
  });

  test('becomes a sale once', () => {
    expect(decide(commit, held)).toEqual({ action: 'commit', lines });
    expect(decide(commit, committed)).toEqual(nothing);
  });

  test('that became a sale is not released', () => {
    expect(decide(release, committed)).toEqual(nothing);
  });

  test.each([{ status: 'none' }, { status: 'released' }, { status: 'rejected' }] as Hold[])(
    'that is $status cannot become a sale',
    (hold) => {
      expect(decide(commit, hold)).toEqual({ refused: 'nothing_held', status: hold.status });
    },
  );
});

describe('goods that come back', () => {
  test('are in stock again when they had been sold', () => {
    expect(decide(takeBack, committed)).toEqual({ action: 'restock', lines });
  });

  test('are refused when they had not', () => {
    expect(decide(takeBack, held)).toEqual({ refused: 'nothing_sold', status: 'held' });
  });
});

describe('a statement of what is on hand', () => {
  test('is the change it makes', () => {
    expect(stateOnHand({ onHand: 10, reserved: 3 }, 4)).toEqual({ delta: -6 });
  });

  test('may not fall below what is reserved', () => {
    expect(stateOnHand({ onHand: 10, reserved: 3 }, 2)).toEqual({ refused: 'below_reserved', reserved: 3 });
  });
});
