import type { OrderBody } from './submission.ts';

export type AddressDraft = {
  name: string;
  line1: string;
  line2: string;
  city: string;
  postalCode: string;
  country: string;
};
export type Method = 'card' | 'paypal' | 'crypto';
export type Draft = AddressDraft & { email: string; method: Method; token: string };

export const emptyDraft: Draft = {
  email: '',
  name: '',
  line1: '',
  line2: '',
  city: '',
  postalCode: '',
  country: 'GB',
  method: 'card',
  token: 'tok_ok',
};

/** The sandbox's outcomes, each with the name that a shopper sees. */
export const outcomes: readonly { token: string; name: string; text: string }[] = [
  { token: 'tok_ok', name: 'Accepted', text: 'The bank agrees at once. This is the usual case.' },
  {
    token: 'tok_declined',
    name: 'Declined',
    text: 'The bank refuses. Nothing is charged, and the goods go back on the shelf.',
  },
  {
    token: 'tok_insufficient_funds',
    name: 'Not enough money',
    text: 'There is too little on the account. Nothing is charged.',
  },
  { token: 'tok_slow', name: 'Slow', text: 'The bank agrees after two seconds.' },
  {
    token: 'tok_flaky',
    name: 'Unreliable',
    text: 'The bank fails twice, then agrees. The shop tries again by itself.',
  },
  {
    token: 'tok_timeout',
    name: 'No answer',
    text: 'The bank never answers. The shop gives up after some minutes.',
  },
];

export const steps = ['contact', 'address', 'payment'] as const;
export type Step = (typeof steps)[number];

export type Errors = Readonly<Partial<Record<keyof Draft, string>>>;

const required: readonly (readonly [keyof AddressDraft, string, number])[] = [
  ['name', 'Enter the name of who receives the parcel.', 200],
  ['line1', 'Enter street and number.', 200],
  ['city', 'Enter the town or city.', 100],
  ['postalCode', 'Enter the postal code.', 20],
  ['country', 'Choose the country.', 2],
];

/** What is missing or wrong in one step. The API checks again and has the last word. */
export const errorsOf = (step: Step, draft: Draft): Errors => {
  if (step === 'contact') {
    if (draft.email.trim() === '')
      return { email: 'Enter your e-mail address: the order is confirmed by mail.' };
    return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(draft.email.trim()) && draft.email.length <= 254
      ? {}
      : { email: 'This is no e-mail address. It looks like name@example.com.' };
  }
  if (step === 'payment')
    return outcomes.some(({ token }) => token === draft.token)
      ? {}
      : { token: 'Choose how the test payment ends.' };
  return Object.fromEntries(
    required.flatMap(([field, message, charsMax]) => {
      const text = draft[field].trim();
      if (text === '') return [[field, message]];
      return text.length > charsMax ? [[field, `At most ${charsMax} characters.`]] : [];
    }),
  );
};

/** The first step that still needs something, at or before the one asked for. */
export const stepFor = (asked: string | undefined, draft: Draft): Step => {
  const place = Math.max(0, steps.indexOf(asked as Step));
  return (
    steps.slice(0, place).find((step) => Object.keys(errorsOf(step, draft)).length > 0) ??
    steps[place] ??
    'contact'
  );
};

/** The address as the API takes it: what is empty is left out. */
export const addressOf = ({
  name,
  line1,
  line2,
  city,
  postalCode,
  country,
}: AddressDraft): OrderBody['shippingAddress'] => ({
  name: name.trim(),
  line1: line1.trim(),
  ...(line2.trim() === '' ? {} : { line2: line2.trim() }),
  city: city.trim(),
  postalCode: postalCode.trim(),
  country: country as OrderBody['shippingAddress']['country'],
});

type Buyer = { id: string; email: string };

/** Where the draft is kept in the storage of the tab. */
export const draftKey = 'cartstream.checkout';

/** The draft as it is kept for a reload, with whose it is. */
export const keptDraft = (draft: Draft, user: Buyer | undefined): string =>
  JSON.stringify({ ...draft, ownerId: user?.id });

/** What to keep for another try to pay an order: what was typed, or the address of the order, and no payment of before. */
export const draftOfAnotherTry = (
  kept: string | null,
  address: Partial<AddressDraft>,
  user: Buyer | undefined,
): string => {
  const draft = draftFrom(kept, user);
  const { method, token } = emptyDraft;
  return keptDraft({ ...draft, ...(draft.line1 === '' ? address : {}), method, token }, user);
};

/** Whether a user typed the draft that was kept, who may be a guest by now because the login has ended. */
export const isOfUser = (kept: string | null): boolean => kept?.includes('"ownerId":"') === true;

/** What was kept: a guest's draft goes on after a login, a user's is for nobody else who sits down here. */
export const draftFrom = (kept: string | null, user: Buyer | undefined): Draft => {
  const own = user === undefined ? emptyDraft : { ...emptyDraft, email: user.email };
  try {
    const { ownerId, ...draft } = JSON.parse(kept ?? '{}') as Partial<Draft> & { ownerId?: string };
    if (ownerId !== undefined && ownerId !== user?.id) return own;
    return { ...own, ...draft, ...(user === undefined ? {} : { email: user.email }) };
  } catch {
    return own;
  }
};
