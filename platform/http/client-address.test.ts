import { connect } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { eventually } from '#platform/testing/eventually';
import { testHost } from '#platform/testing/test-host';
import { clientNetwork, createClientNetworks, trustedProxies } from './client-address.js';
import { createHttpServer } from './server.js';

describe('a client', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:CB00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2:FFFF:ffff:0:9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:0000:0000:0000:0001', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::5]:443', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::5%eth0', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('at %s is counted as %s', (written, network) => {
    expect(clientNetwork(written, '192.0.2.1')).toBe(network);
  });

  it.each([
    '',
    'unknown',
    'garbage',
    '_hidden',
    '203.0.113',
    '1.2.3.4.5',
    '0x7f000001',
    '2001:db8',
    '[::1',
    'x'.repeat(99_999),
  ])('that calls itself %j is who the connection comes from', (written) => {
    expect(clientNetwork(written, '::ffff:192.0.2.1')).toBe('192.0.2.1');
  });

  it('without any address is counted with all of those', () => {
    expect(clientNetwork('', '')).toBe('unknown');
  });

  it('that has gone has no address any more, and is counted with those', async () => {
    const host = testHost();
    const { app, component } = createHttpServer(host, { port: 0, title: 'Test' });
    let request: FastifyRequest | undefined;
    app.get('/', { access: 'anonymous', schema: { hide: true } }, async (received) => {
      request = received;
      return {};
    });
    host.use(component);
    await host.start();
    try {
      const caller = connect(Number(new URL(component.url).port), '127.0.0.1');
      caller.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await eventually(() => request !== undefined);
      caller.destroy();
      await eventually(() => request?.raw.socket.destroyed === true);
      expect(createClientNetworks(false).of(request as FastifyRequest)).toBe('unknown');
    } finally {
      await host.stop();
    }
  });
});

describe('trusted proxies', () => {
  it.each([
    ['1', 1],
    ['2', 2],
    ['10.0.0.1', ['10.0.0.1']],
    ['10.0.0.0/8, loopback,fd00::/8', ['10.0.0.0/8', 'loopback', 'fd00::/8']],
  ])('are %s', (text, expected) => {
    expect(trustedProxies.parse(text)).toEqual(expected);
  });

  it.each(['true', 'yes', '*', '0', '-1', '11', '1,2', 'proxy.example.org', '10.0.0.0/33', '', '10.0.0.1,'])(
    'are not %j',
    (text) => {
      expect(trustedProxies.safeParse(text).success).toBe(false);
    },
  );
});
