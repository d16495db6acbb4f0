import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { engines } from '#platform/testing/engines';

it('answers only those who have its password', async ({ skip }) => {
  const { hostname, port, password } = new URL(engines().redisUrl);
  skip(password === '', 'this Redis was not started by npm start, and asks for no password');
  expect(password.length).toBeGreaterThanOrEqual(20);
  const socket = connect(Number(port), hostname);
  const ask = async (command: string): Promise<string> => {
    socket.write(`${command}\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString();
  };
  try {
    expect(await ask('PING')).toMatch(/^-NOAUTH/);
    expect(await ask('AUTH wrong')).toMatch(/^-WRONGPASS/);
    expect(await ask(`AUTH ${password}`)).toMatch(/^\+OK/);
    expect(await ask('PING')).toMatch(/^\+PONG/);
  } finally {
    socket.destroy();
  }
});
