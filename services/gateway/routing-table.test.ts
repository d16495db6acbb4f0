import { describe, expect, it } from 'vitest';
import { limitOf } from './routing-table.js';

describe('the limit of a request', () => {
  it.each([
    ['POST', '/api/auth/login', 'loginsFromAddress'],
    ['POST', '/api/auth/register', 'registrationsFromAddress'],
    ['POST', '/api/auth/refresh', 'general'],
    ['POST', '/api/auth/password-reset', 'passwordResetsFromAddress'],
    ['POST', '/api/auth/password-reset/confirm', 'mailedTokensFromAddress'],
    ['POST', '/api/auth/verify-email', 'mailedTokensFromAddress'],
    ['POST', '/api/auth/verify-email/resend', 'verificationsSent'],
    ['PUT', '/api/users/me/password', 'passwordChanges'],
    ['GET', '/api/products', 'general'],
    ['GET', '/api/products/search', 'products'],
    ['POST', '/api/products', 'products'],
    ['POST', '/api/orders', 'orders'],
    ['POST', '/api/orders/1/returns', 'orders'],
    ['DELETE', '/api/orders/1', 'orders'],
    ['PATCH', '/api/payments/1', 'payments'],
    ['PUT', '/api/payments/1', 'payments'],
    ['POST', '/api/payments/webhooks/stripe', 'paymentWebhooks'],
    ['POST', '/api/ordersx', 'general'],
    ['GET', '/health', undefined],
    ['GET', '', undefined],
  ])('%s %s is %s', (method, path, limit) => {
    expect(limitOf(method, path)).toBe(limit);
  });

  it.each(['/api/orders', '/api/orders/1/status', '/api/payments', '/api/payments/1'])(
    'is general where %s is only read: to follow an order is to ask often',
    (path) => {
      expect([limitOf('GET', path), limitOf('HEAD', path)]).toEqual(['general', 'general']);
    },
  );
});
