import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isFree } from '#setup/port';
import { createPorts, PortTaken } from './ports.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cartstream-ports-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const allFree = async () => true;

it('a name keeps its port over restarts', async () => {
  const first = await createPorts(dir, {}, allFree).of('kafka');
  expect(await createPorts(dir, {}, allFree).of('kafka')).toBe(first);
});

it('a remembered port that somebody took is replaced', async () => {
  const first = await createPorts(dir, {}, allFree).of('kafka');
  const next = await createPorts(dir, {}, async (port) => port !== first).of('kafka');
  expect(next).not.toBe(first);
});

it('no port is given twice', async () => {
  const ports = createPorts(dir, {}, allFree);
  const given = [];
  for (let n = 0; n < 200; n++) given.push(await ports.of(`service-${n}`));
  expect(new Set(given).size).toBe(200);
});

it('the ports of a platform lie together, so that two which start at once hardly meet', async () => {
  const ports = createPorts(dir, {}, allFree);
  const given: number[] = [];
  for (let n = 0; n < 40; n++) given.push(await ports.of(`service-${n}`));
  // They may begin at the end of the range and go on at its beginning.
  const steps = given.slice(1).map((port, nth) => Math.abs(port - (given[nth] as number)));
  expect(steps.filter((step) => step !== 1).length).toBeLessThanOrEqual(1);
});

it('the environment decides, and a port that is taken there is an error that names it', async () => {
  expect(await createPorts(dir, { SCHEMA_REGISTRY_PORT: '4321' }, allFree).of('schema-registry')).toBe(4321);
  const taken = createPorts(dir, { KAFKA_PORT: '4322' }, async () => false).of('kafka');
  await expect(taken).rejects.toThrow(new PortTaken(4322, 'KAFKA_PORT'));
});

it('a port in use is not free', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  expect(await isFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isFree(port)).toBe(true);
});
