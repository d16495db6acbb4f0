import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { variableOf } from '#platform/config';
import { isFree, portTaken } from '#setup/port';
import { replaceFile } from './replace-file.js';

export type Ports = {
  /** The port of `name`: from its environment variable, else the one it had before, else a free one. */
  of(name: string): Promise<number>;
};

export class PortTaken extends Error {
  /** `variable` is the environment's, where it gives the port. */
  constructor(port: number, variable?: string) {
    super(portTaken(port, variable));
    this.name = 'PortTaken';
  }
}

/**
 * Below the range of ports for outgoing connections. Otherwise a client that reconnects to a stopped server could
 * receive the server's own port, and the server could not start again.
 */
const lowest = 20_000;
const highest = 32_000;

export const createPorts = (
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
  probe: (port: number) => Promise<boolean> = isFree,
): Ports => {
  const file = join(dataDir, 'ports.json');
  const remembered = readRemembered(file);
  const given = new Set<number>();
  // One behind the other from a random place: two platforms that start at once hardly meet, as they would if each of their
  // thirty ports were drawn, because a port is chosen some time before its process listens.
  let next = lowest + Math.floor(Math.random() * (highest - lowest));

  const unused = async (port: number): Promise<boolean> => !given.has(port) && (await probe(port));

  const pick = async (name: string): Promise<number> => {
    const variable = variableOf(name, 'PORT');
    const fixed = env[variable];
    if (fixed !== undefined && fixed !== '') {
      const port = Number(fixed);
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new Error(`${variable} is no port number: "${fixed}"`);
      }
      if (!(await unused(port))) throw new PortTaken(port, variable);
      return port;
    }
    const previous = remembered[name];
    if (previous !== undefined && (await unused(previous))) return previous;
    for (let attempt = 0; attempt < 200; attempt++) {
      next = next + 1 < highest ? next + 1 : lowest;
      if (await unused(next)) return next;
    }
    throw new Error(`no free port between ${lowest} and ${highest}`);
  };

  return {
    async of(name) {
      const port = await pick(name);
      given.add(port);
      remembered[name] = port;
      replaceFile(file, `${JSON.stringify(remembered, undefined, 2)}\n`);
      return port;
    },
  };
};

const readRemembered = (file: string): Record<string, number> => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
  } catch {
    return {};
  }
};
