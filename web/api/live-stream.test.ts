import { expect, it } from 'vitest';
import { eventIn } from './live-stream.ts';

it.each([
  [
    'event: status\nid: paid\ndata: {"status":"paid"}',
    { type: 'status', id: 'paid', data: { status: 'paid' } },
  ],
  ['data: {"a":\ndata: 1}', { type: 'message', id: undefined, data: { a: 1 } }],
  ['event: status\r\ndata: 7', { type: 'status', id: undefined, data: 7 }],
  ['data: no json', { type: 'message', id: undefined, data: 'no json' }],
])('%j is an event', (block, event) => {
  expect(eventIn(block)).toEqual(event);
});

it.each([': keeps the connection alive', '', 'event: status', 'id: 5'])('%j is none', (block) => {
  expect(eventIn(block)).toBeUndefined();
});
