import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { projectPath } from '#platform/project';
import { currentCorrelation, withCorrelation } from './correlation.js';
import { createLogger } from './logger.js';
import { createMetrics } from './metrics.js';

const capture = () => {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => {
    lines.push(JSON.parse(line));
  };
  return { lines, logger: createLogger('svc', { destination: { write } }) };
};

describe('a log line', () => {
  it('says when, who and within which undertaking', () => {
    const { lines, logger } = capture();
    withCorrelation({ correlationId: 'c-1' }, () => logger.info({ n: 1 }, 'done'));
    logger.warn('outside');
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        service: 'svc',
        correlationId: 'c-1',
        n: 1,
        msg: 'done',
      },
      { level: 'warn', time: expect.any(String), service: 'svc', msg: 'outside' },
    ]);
  });

  it('never holds what opens a door', () => {
    const { lines, logger } = capture();
    const secret = 'hunter2';
    logger.info(
      { password: secret, user: { token: secret }, req: { headers: { authorization: secret } } },
      'x',
    );
    logger.info({ body: { refreshToken: secret, accessToken: secret, name: 'Ann' } }, 'x');
    const answers = Object.freeze([Object.freeze({ cookie: secret, place: 'Bath' })]);
    logger.child({ token: secret, part: 'door' }).info({ answers }, 'x');
    logger.error({ err: Object.assign(new Error('refused'), { password: secret }) }, 'x');
    expect(JSON.stringify(lines)).not.toContain(secret);
    for (const rest of ['Ann', 'Bath', 'door', 'refused', 'telemetry.test'])
      expect(JSON.stringify(lines)).toContain(rest);
    expect(answers).toEqual([{ cookie: secret, place: 'Bath' }]);
  });
});

it('a process goes on where its log is on a full disk, and keeps little of what it could not write', () => {
  const program = `
    import { createLogger } from ${JSON.stringify(pathToFileURL(projectPath('platform/telemetry/logger.ts')).href)};
    const logger = createLogger('svc', { level: 'fatal' });
    const before = process.memoryUsage.rss();
    for (let nth = 0; nth < 40_000; nth += 1) logger.fatal({ text: 'x'.repeat(10_000) }, 'not written');
    process.exit(process.memoryUsage.rss() - before < 200 * 1024 * 1024 ? 0 : 3);`;
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--conditions=source', '--import=tsx', '--input-type=module', '-e', program],
    { stdio: ['ignore', full, 'pipe'], encoding: 'utf8', timeout: 30_000 },
  );
  closeSync(full);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

describe('the correlation', () => {
  it('goes along with everything that is awaited, and with nothing else', async () => {
    const seen = await Promise.all(
      ['a', 'b'].map((correlationId) =>
        withCorrelation({ correlationId }, async () => {
          await new Promise(setImmediate);
          return currentCorrelation()?.correlationId;
        }),
      ),
    );
    expect(seen).toEqual(['a', 'b']);
    expect(currentCorrelation()).toBeUndefined();
  });
});

describe('metrics', () => {
  it('are one for each name, and do not mix between services of a process', async () => {
    const [one, two] = [createMetrics('one'), createMetrics('two')];
    one.counter('things_total', 'Things', ['kind']).inc({ kind: 'a' });
    one.counter('things_total', 'Things', ['kind']).inc({ kind: 'a' });
    two.counter('things_total', 'Things', ['kind']).inc({ kind: 'a' }, 7);
    expect(await one.render()).toContain('things_total{kind="a"} 2');
    expect(await two.render()).toContain('things_total{kind="a"} 7');
    expect(() => one.gauge('things_total', 'Things')).toThrow(/another kind/);
  });

  it('of the process are shown by each of its services', async () => {
    for (const metrics of [createMetrics('one'), createMetrics('two')])
      expect(await metrics.render()).toMatch(/^process_resident_memory_bytes \d+/m);
  });
});
