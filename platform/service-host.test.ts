import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectPath } from '#platform/project';
import { testHost } from '#platform/testing/test-host';
import type { Component } from './service-host.js';

describe('a host', () => {
  const recorded = (
    log: string[],
    name: string,
    faults: { start?: Error; stop?: Error } = {},
  ): Component => ({
    name,
    start: async () => {
      log.push(`start ${name}`);
      if (faults.start !== undefined) throw faults.start;
    },
    stop: async () => {
      log.push(`stop ${name}`);
      if (faults.stop !== undefined) throw faults.stop;
    },
  });

  it('starts its parts in order and stops them in reverse, each once', async () => {
    const log: string[] = [];
    const host = testHost();
    for (const name of ['pool', 'relay', 'http']) host.use(recorded(log, name));
    await host.start();
    await Promise.all([host.stop(), host.stop()]);
    expect(log).toEqual(['start pool', 'start relay', 'start http', 'stop http', 'stop relay', 'stop pool']);
    expect(host.stopping.aborted).toBe(true);
  });

  it('stops what has started, and what half has, when a part does not start', async () => {
    const log: string[] = [];
    const host = testHost('svc');
    host.use(recorded(log, 'pool'));
    host.use(recorded(log, 'relay', { start: new Error('refused\nsecond line') }));
    host.use(recorded(log, 'http'));
    await expect(host.start()).rejects.toThrow('svc: relay did not start: refused');
    expect(log).toEqual(['start pool', 'start relay', 'stop relay', 'stop pool']);
  });

  it('stops the others when one does not stop cleanly', async () => {
    const log: string[] = [];
    const host = testHost();
    host.use(recorded(log, 'pool'));
    host.use(recorded(log, 'http', { stop: new Error('stuck') }));
    await host.start();
    await host.stop();
    expect(log.slice(2)).toEqual(['stop http', 'stop pool']);
  });

  it('is as well as its worst part, and down once it stops', async () => {
    const host = testHost();
    const part = (name: string, status: 'up' | 'degraded'): Component => ({
      ...recorded([], name),
      checkHealth: async () => ({ status }),
    });
    host.use(part('database', 'up'));
    expect((await host.health()).status).toBe('up');
    host.use(part('cache', 'degraded'));
    const report = await host.health();
    expect(report.status).toBe('degraded');
    expect(Object.keys(report.dependencies)).toEqual(['database', 'cache']);
    await host.stop();
    expect((await host.health()).status).toBe('down');
  });
});

/** Real processes, because exit codes and last log lines cannot be tested otherwise. */
describe('a service process', () => {
  let folder: string;
  beforeAll(() => {
    // Inside the project, for its import map; where git and the checks do not look.
    mkdirSync(projectPath('.local'), { recursive: true });
    folder = mkdtempSync(projectPath('.local/host-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (name: string, body: string, env: Record<string, string> = {}) => {
    const file = join(folder, `${name}.ts`);
    writeFileSync(
      file,
      `import { envSchema, setting } from '#platform/config';
       import { runService } from '#platform/service-host';
       const config = envSchema({ port: ['T_PORT', setting.port], url: ['T_URL', setting.url] });
       const alive = { name: 'alive', timer: undefined, start: async () => { setInterval(() => {}, 1000); }, stop: async () => { console.log('drained'); } };
       await runService({ name: 't', config, build: (config, host) => { ${body} } });`,
    );
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=source', file], {
      cwd: projectPath('.'),
      env: { PATH: process.env.PATH ?? '', T_PORT: '0', T_URL: 'http://x', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const started = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          output += chunk;
          if (output.includes('"started"')) resolve();
        });
    });
    const ended = new Promise<{ code: number | null; output: string }>((resolve) =>
      child.on('close', (code) => resolve({ code, output })),
    );
    return { child, started, ended };
  };

  it('names all that is wrong with its configuration and exits 1', async () => {
    const { ended } = run('config', 'host.use(alive);', {
      T_PORT: 'x',
      T_URL: 'ftp://x',
      TRACE_SAMPLE_RATIO: '2',
    });
    const { code, output } = await ended;
    expect(code).toBe(1);
    expect(output).toContain('T_PORT must be a number');
    expect(output).toContain('T_URL must be an http(s) URL');
    expect(output).toContain('TRACE_SAMPLE_RATIO must be at most 1');
  }, 20_000);

  it('exits 1 with one line when a part does not start', async () => {
    const { ended } = run(
      'start',
      `host.use(alive); host.use({ name: 'db', start: async () => { throw new Error('no route'); }, stop: async () => {} });`,
    );
    const { code, output } = await ended;
    expect(code).toBe(1);
    expect(output).toContain('\nt: db did not start: no route\n');
    expect(output).toContain('drained');
  }, 20_000);

  it('drains on SIGTERM and exits 0', async () => {
    const { child, started, ended } = run('drain', 'host.use(alive);');
    await started;
    child.kill('SIGTERM');
    const { code, output } = await ended;
    expect([code, output.includes('drained')]).toEqual([0, true]);
  }, 20_000);

  it.each([
    ['a fatal error is reported', `setTimeout(() => host.onFatal(new Error('broken invariant')), 50);`],
    [
      'nobody handles a rejection',
      `setTimeout(() => void Promise.reject(new Error('broken invariant')), 50);`,
    ],
  ])(
    'logs and exits 1 when %s',
    async (what, body) => {
      const { ended } = run(what.replaceAll(' ', '-'), `host.use(alive); ${body}`);
      const { code, output } = await ended;
      expect(code).toBe(1);
      expect(output).toContain('"msg":"fatal: broken invariant"');
    },
    20_000,
  );
});
