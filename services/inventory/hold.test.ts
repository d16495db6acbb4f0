import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decide,
  effects,
  evolve,
  type Hold,
  type HoldCommand,
  holdMsOf,
  isRefusal,
  type Line,
  notSet,
} from './hold.js';

const lines = [{ productId: 'a', quantity: 2 }];
const reserve: HoldCommand = { type: 'ReserveStock', lines };
const refuse: HoldCommand = { type: 'RefuseReservation', lines, available: new Map([['a', 1]]) };
const release: HoldCommand = { type: 'ReleaseStock', reason: 'timed_out' };
const commit: HoldCommand = { type: 'CommitStock' };
const takeBack = (returnId: string, quantity = 1): HoldCommand => ({
  type: 'TakeBack',
  returnId,
  lines: [{ productId: 'a', quantity }],
});

/** The state after the commands; a refusal changes nothing. */
const given = (...commands: HoldCommand[]): Hold =>
  commands.reduce<Hold>(
    (hold, command) => {
      const decision = decide(command, hold);
      return isRefusal(decision) ? hold : decision.reduce(evolve, hold);
    },
    { status: 'none' },
  );

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
    expect(decide(twice, given())).toEqual([
      {
        type: 'StockReserved',
        lines: [
          { productId: 'a', quantity: 1 },
          { productId: 'b', quantity: 3 },
        ],
      },
    ]);
  });

  test.each([
    given(reserve),
    given(reserve, commit),
    given(refuse),
    given(reserve, release),
    given(reserve, commit, release),
  ])('that is $status is not asked for again', (hold) => {
    expect(decide(reserve, hold)).toEqual([]);
    expect(decide(refuse, hold)).toEqual([]);
  });

  test('that the stock refuses names what there is too little of', () => {
    expect(decide(refuse, given())).toEqual([
      { type: 'StockRejected', lines: [{ productId: 'a', requested: 2, available: 1 }] },
    ]);
    expect(given(refuse)).toEqual({ status: 'rejected' });
  });

  test('is released once', () => {
    expect(decide(release, given(reserve))).toEqual([{ type: 'StockReleased', lines, reason: 'timed_out' }]);
    expect(decide(release, given(reserve, release))).toEqual([]);
  });

  test('of an order cancelled before it was seen is barred, so that nothing is held for it later', () => {
    expect(decide(release, given())).toEqual([{ type: 'HoldBarred' }]);
    expect(decide(reserve, given(release))).toEqual([]);
  });

  test('of a rejected order has nothing to release', () => {
    expect(decide(release, given(refuse))).toEqual([]);
  });

  test('becomes a sale once', () => {
    expect(decide(commit, given(reserve))).toEqual([{ type: 'StockCommitted', lines }]);
    expect(decide(commit, given(reserve, commit))).toEqual([]);
  });

  test.each([given(), given(reserve, release), given(refuse)])(
    'that is $status cannot become a sale',
    (hold) => {
      expect(decide(commit, hold)).toEqual({ refused: 'nothing_held', status: hold.status });
    },
  );
});

describe('goods that come back', () => {
  test('are in stock again when they had been sold, once for each return', () => {
    expect(decide(takeBack('r1'), given(reserve, commit))).toEqual([
      { type: 'StockReturned', returnId: 'r1', lines: [{ productId: 'a', quantity: 1 }] },
    ]);
    expect(decide(takeBack('r1'), given(reserve, commit, takeBack('r1')))).toEqual([]);
  });

  test('are refused when they had not', () => {
    expect(decide(takeBack('r1'), given(reserve))).toEqual({ refused: 'nothing_sold', status: 'held' });
  });
});

describe('a sale that is undone', () => {
  test('brings back what no return has brought back', () => {
    expect(decide(release, given(reserve, commit, takeBack('r1')))).toEqual([
      { type: 'SaleUndone', lines: [{ productId: 'a', quantity: 1 }], reason: 'timed_out' },
    ]);
  });

  test('stays undone when its events come again', () => {
    const undone = given(reserve, commit, takeBack('r1'), release);
    for (const command of [reserve, commit, takeBack('r1'), release])
      expect(decide(command, undone)).toEqual([]);
  });
});

test('whatever comes in whatever order, an order never has less than nothing, nor more than it asked for', () => {
  const command = fc.oneof(
    fc.constantFrom(reserve, refuse, release, commit),
    fc.constantFrom('r1', 'r2').map((returnId) => takeBack(returnId)),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
      let hold: Hold = { status: 'none' };
      const taken = { onHand: 0, reserved: 0 };
      for (const next of commands) {
        const decision = decide(next, hold);
        if (isRefusal(decision)) continue;
        for (const event of decision) {
          if (!(event.type in effects)) continue;
          const effect = effects[event.type as keyof typeof effects];
          const moved = (event as { lines: readonly Line[] }).lines.reduce(
            (sum, line) => sum + line.quantity,
            0,
          );
          taken.onHand -= effect.onHand * moved;
          taken.reserved += effect.reserved * moved;
        }
        hold = decision.reduce(evolve, hold);
        expect(taken.reserved).toBe(hold.status === 'held' ? 2 : 0);
        if (hold.status !== 'committed') expect(taken.onHand).toBe(0);
        else expect(taken.onHand).toBe(2 - hold.returns.length);
      }
    }),
  );
});

test('a hold outlasts the wait of its order where that is set at run time', () => {
  expect(holdMsOf(1_200_000, 1_800_000)).toBeGreaterThan(1_800_000);
  expect(holdMsOf(1_200_000, 5_000)).toBe(1_200_000);
  expect(holdMsOf(60_000, notSet)).toBe(60_000);
});
