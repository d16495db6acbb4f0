import { describe, expect, test } from 'vitest';
import { piecesMax, stateOnHand } from './stock.js';

describe('a statement of what is on hand', () => {
  test('is the change it makes', () => {
    expect(stateOnHand({ onHand: 10, reserved: 3 }, 4)).toEqual({ delta: -6 });
  });

  test('may not fall below what is reserved, nor exceed what a product may have', () => {
    const stock = { onHand: 10, reserved: 3 };
    expect(stateOnHand(stock, 2)).toEqual({ refused: 'below_reserved', reserved: 3 });
    expect(stateOnHand(stock, piecesMax + 1)).toEqual({ refused: 'too_many_pieces' });
  });
});
