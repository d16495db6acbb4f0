import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('a first start on a taken port says so before it installs anything', async () => {
  const clone = mkdtempSync(join(tmpdir(), 'cartstream-clone-'));
  cpSync('local/start.js', join(clone, 'local/start.js'));
  cpSync('local/setup', join(clone, 'local/setup'), { recursive: true });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // Without npm in the path, a start that goes on to install fails at once.
  const start = spawn(process.execPath, [join(clone, 'local/start.js'), '--port', `${port}`], {
    env: { PATH: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [start.stdout, start.stderr])
    stream.on('data', (chunk) => {
      said += chunk;
    });
  const [code] = await once(start, 'close');
  const sentence = `port ${port} is taken; free it or choose another with \`npm start -- --port 8080\``;
  expect({ code, said }).toEqual({ code: 1, said: `cartstream: ${sentence}\n` });
  server.close();
  rmSync(clone, { recursive: true });
});
