import { expect, it } from 'vitest';
import { ownAnswer } from './own-answer.ts';

const answer = {
  data: ['figures'],
  error: null,
  isPending: false,
  isPlaceholderData: false,
  dataUpdatedAt: 1,
  refetch: () => undefined,
};
const meanwhile = { ...answer, isPlaceholderData: true };

it('the figures of another question are not those of this one', () => {
  expect(ownAnswer(meanwhile, 'today', '7d')).toMatchObject({ data: undefined, isPending: true });
});

it('the figures of a running period stay while it moves on', () => {
  expect(ownAnswer(meanwhile, 'today', 'today').data).toEqual(['figures']);
});

it('what was answered is shown', () => {
  expect(ownAnswer(answer, 'today', '7d').data).toEqual(['figures']);
});
