import { describe, expect, it } from 'vitest';
import {
  addressOf,
  type Draft,
  draftFrom,
  draftOfAnotherTry,
  emptyDraft,
  errorsOf,
  keptDraft,
  stepFor,
} from './draft.ts';

const whole: Draft = {
  ...emptyDraft,
  email: 'ada@example.com',
  name: 'Ada',
  line1: '1 Engine Row',
  city: 'London',
  postalCode: 'N1',
};

describe('the checkout', () => {
  it('opens the first step that needs something, whatever the address asks for', () => {
    expect(stepFor('payment', emptyDraft)).toBe('contact');
    expect(stepFor('payment', { ...emptyDraft, email: 'ada@example.com' })).toBe('address');
    expect(stepFor('payment', whole)).toBe('payment');
    expect(stepFor('contact', whole)).toBe('contact');
    expect(stepFor('nonsense', whole)).toBe('contact');
    expect(stepFor(undefined, whole)).toBe('contact');
  });

  it('says of each field what is missing', () => {
    expect(Object.keys(errorsOf('address', emptyDraft))).toEqual(['name', 'line1', 'city', 'postalCode']);
    expect(errorsOf('address', whole)).toEqual({});
    expect(errorsOf('contact', { ...whole, email: 'ada@' })).toHaveProperty('email');
    expect(errorsOf('payment', { ...whole, token: '4111' })).toHaveProperty('token');
    expect(errorsOf('address', { ...whole, postalCode: 'x'.repeat(21) })).toHaveProperty('postalCode');
  });

  it('sends no empty line of an address', () => {
    expect(addressOf({ ...whole, line2: ' ' })).not.toHaveProperty('line2');
    expect(addressOf({ ...whole, line2: 'Flat 2 ' })).toMatchObject({ line2: 'Flat 2' });
  });

  it('asks for the payment alone where a payment has failed, and keeps the address', () => {
    const kept = draftOfAnotherTry(
      keptDraft({ ...whole, token: 'tok_declined' }, undefined),
      { line1: '2' },
      undefined,
    );
    expect(draftFrom(kept, undefined)).toEqual(whole);
    const ada = { id: 'ada', email: 'ada@example.com' };
    const { email: _, method, token, ...address } = whole;
    // What was typed is gone with the tab; the order still has its address.
    const again = draftFrom(draftOfAnotherTry(null, address, ada), ada);
    expect([again, stepFor('payment', again)]).toEqual([{ ...whole, method, token }, 'payment']);
  });

  it('keeps what was typed for a reload and for who logs in, and a user’s address from everybody else', () => {
    const [ada, bob] = [
      { id: 'ada', email: 'ada@example.com' },
      { id: 'bob', email: 'bob@example.com' },
    ];
    const byGuest = keptDraft(whole, undefined);
    expect(draftFrom(byGuest, undefined)).toEqual(whole);
    expect(draftFrom(byGuest, bob)).toEqual({ ...whole, email: bob.email });
    const byAda = keptDraft(whole, ada);
    expect(draftFrom(byAda, ada)).toEqual(whole);
    expect(draftFrom(byAda, bob)).toEqual({ ...emptyDraft, email: bob.email });
    expect(draftFrom(byAda, undefined)).toEqual(emptyDraft);
    for (const broken of [null, '{', 'null', '7']) expect(draftFrom(broken, undefined)).toEqual(emptyDraft);
  });
});
