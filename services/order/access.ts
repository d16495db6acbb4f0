import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { hasRole, type Principal, userIdOf } from '#platform/http/auth';
import { problem } from '#platform/http/problem-details';
import { staff } from '#schemas/roles';
import type { OrderStanding, OrderView } from './order-view.js';

/** The token of a guest's order where the client did not choose one: 256 random bits. Only a hash of it is stored. */
export const newOrderToken = (): string => randomBytes(32).toString('base64url');

export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

export const isStaff = (principal: Principal): boolean => hasRole(principal, ...staff);

export const unknownOrder = () => problem(404, 'order_not_found', 'There is no such order.');

/** The order, if the caller may see it. Throws the same 404 as for an order that does not exist otherwise. */
export const visible = <T extends Owned>(
  order: T | undefined,
  request: Pick<FastifyRequest, 'principal' | 'headers'>,
): T => {
  if (order === undefined || !maySee(order, request)) throw unknownOrder();
  return order;
};

/** Whose an order is: the hash of a guest's token is there as bytes or as hexadecimal digits. */
type Owned = Pick<OrderView, 'userId'> &
  (Pick<OrderView, 'guestTokenHash'> | Pick<OrderStanding, 'guestTokenHashHex'>);

const hashIn = (order: Owned): Buffer | null => {
  if ('guestTokenHash' in order) return order.guestTokenHash;
  return order.guestTokenHashHex === null ? null : Buffer.from(order.guestTokenHashHex, 'hex');
};

const maySee = (
  order: Owned,
  { principal, headers }: Pick<FastifyRequest, 'principal' | 'headers'>,
): boolean => {
  if (isStaff(principal)) return true;
  const { userId } = order;
  if (userId !== null) return userIdOf(principal) === userId;
  const token = headers['x-order-token'];
  const guestTokenHash = hashIn(order);
  return (
    guestTokenHash !== null && typeof token === 'string' && timingSafeEqual(hashOf(token), guestTokenHash)
  );
};
