import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runFilePath } from '#platform/testing/engines';
import { readRunFile } from './shop.js';

/** The paragraphs of README.md with something to paste: the words in bold before the block (or none) and its lines. */
const paragraphs = [
  ...readFileSync('README.md', 'utf8').matchAll(
    /(?:^\*\*(?<title>[^*]+)\.\*\*(?:(?!```)[\s\S])*?)?^```bash tour\n(?<block>[\s\S]*?)^```$/gm,
  ),
].map(({ groups }) => ({ title: groups?.title ?? 'Names', block: groups?.block ?? '' }));

const names = paragraphs[0]?.block ?? '';
const cut = '--- end of paragraph ---';

/** What bash prints and how it ends, in the folder of the checkout, stopping at the first line that fails. */
const bash = (script: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      said.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      said.stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });

describe('the tour in README.md, word for word in one shell', () => {
  const shown = new Map<string, string>();

  beforeAll(async () => {
    const { gateway } = readRunFile(runFilePath());
    const script = paragraphs
      .map(({ block }) => block)
      .join(`echo '${cut}'\n`)
      .replace('SHOP=http://127.0.0.1:8000', `SHOP=${gateway}`)
      .replace('DATA=.local', `DATA=${dirname(runFilePath())}`);
    const { code, stdout, stderr } = await bash(script);
    const outputs = stdout.split(`${cut}\n`);
    for (const [nth, { title }] of paragraphs.entries()) shown.set(title, outputs[nth] ?? '');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }, 240_000);

  const linesOf = (title: string): string[] => (shown.get(title) ?? '').trim().split('\n');

  it('has a claim below for each of its paragraphs', () => {
    expect(paragraphs.map(({ title }) => title)).toEqual([
      'Names',
      'Look around',
      'Order as a customer',
      'Watch the saga',
      'Read the mail',
      'See it in analytics',
      'Get a recommendation',
      'Change your mind',
      'Follow one order across everything',
    ]);
  });

  it('shows what the shop sells and that it runs', () => {
    const lines = linesOf('Look around');
    expect(lines).toHaveLength(4);
    // The newest come first: other files add some meanwhile, also in other currencies.
    for (const line of lines.slice(0, 3)) expect(line).toMatch(/^.+, ([£€$¥]|[A-Z]{3}\s)\d[\d,]*(\.\d+)?$/);
    expect(lines[3]).toBe('up');
  });

  it('orders as a customer', () => {
    expect(linesOf('Order as a customer')).toEqual([expect.stringMatching(/^order [0-9a-f-]{36}$/)]);
  });

  it('confirms the order within a second, takes its money and commits its stock', () => {
    const lines = linesOf('Watch the saga');
    // The stream shows a status a line until the order is confirmed.
    expect(
      lines
        .slice(0, -1)
        .filter((line) => !line.includes('  '))
        .at(-1),
    ).toBe('confirmed');
    const [total, ...events] = [
      lines.at(-1),
      ...lines.slice(0, -1).filter((line) => line.includes('  ')),
    ].map((line) => line ?? '');
    expect(total).toMatch(/^confirmed, £\d[\d,]*\.\d\d$/);
    const types = events.map((line) => line.split('  ')[2]);
    expect(types.slice(0, 4)).toEqual([
      'OrderPlaced',
      'StockReserved',
      'PaymentAuthorized',
      'OrderConfirmed',
    ]);
    expect(types).toEqual(expect.arrayContaining(['StockCommitted', 'PaymentCaptured']));
    // Last, since it alone depends on how busy the machine is.
    const timeMsOf = (type: string) => Date.parse(events[types.indexOf(type)]?.split('  ')[0] ?? '');
    expect(timeMsOf('OrderConfirmed') - timeMsOf('OrderPlaced')).toBeLessThan(1_000);
  });

  it('reads what the shop has written to the buyer', () => {
    const lines = linesOf('Read the mail');
    expect(lines).toContain('Your order is confirmed');
    expect(lines.at(-1)).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it('has the sale in analytics, of this order alone', () => {
    const [row, hour] = linesOf('See it in analytics');
    expect(row).toMatch(/: \d+ sold for £\d[\d,]*\.\d\d$/);
    expect(Number(/: (\d+) sold/.exec(row ?? '')?.[1])).toBeGreaterThanOrEqual(2);
    expect(hour).toMatch(/^this hour: [1-9]\d* orders, £\d[\d,]*\.\d\d, complete up to \d{4}-\d\d-\d\dT/);
  });

  it('makes what was seen in the same visit a neighbour', () => {
    const lines = linesOf('Get a recommendation');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ accepted: 2 });
    expect(lines.filter((line) => line.endsWith('<- in the same visit'))).toEqual([
      expect.stringMatching(/^\d+ {2}.*teacup.*, £\d+\.\d\d {2}seen_together {2}<- in the same visit$/i),
    ]);
  });

  it('cancels the order, whose money comes back', () => {
    expect(linesOf('Change your mind')).toEqual(['cancelled', 'refunded']);
  });

  it('finds the order in the log under one correlation id, and its whole trace in Zipkin', () => {
    const lines = linesOf('Follow one order across everything');
    const logged = lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { correlationId: string; traceId: string });
    expect(logged).toHaveLength(3);
    expect(new Set(logged.map(({ correlationId }) => correlationId)).size).toBe(1);
    expect(new Set(logged.map(({ traceId }) => traceId)).size).toBe(1);
    const services = lines.at(-2)?.split(' ');
    for (const name of ['gateway', 'order', 'inventory', 'payment', 'clickhouse-ingest'])
      expect(services).toContain(name);
    expect(lines.at(-1)).toMatch(/^http:\/\/.+\/zipkin\/traces\/[0-9a-f]{32}$/);
  });
});

describe('the checkout in README.md, pasted into a terminal', () => {
  it('buys something and follows it until it is confirmed', async () => {
    const [, block = ''] =
      /^```bash checkout\n([\s\S]*?)^```$/m.exec(readFileSync('README.md', 'utf8')) ?? [];
    const { gateway } = readRunFile(runFilePath());
    const { code, stdout, stderr } = await bash(block.replace('http://127.0.0.1:8000', gateway));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^ordered: .+, as order [0-9a-f-]{36}$/);
    expect(lines.at(-1)).toBe('confirmed');
    for (const line of lines.slice(1)) expect(line).toMatch(/^[a-z]+$/);
  });
});

describe('the words of the tour', () => {
  const hurried = names.replace('-lt 60', '-lt 2');

  it('soon ends the tour, with the time it really took and the last answer, when the condition never comes', async () => {
    const { code, stdout, stderr } = await bash(
      `${hurried}soon 'the thing' 'echo nothing' 'some[t]hing'\necho went on`,
    );
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^the thing did not come in [2-4] s; the last answer: nothing$/m);
  });

  it('soon goes on as soon as the condition holds, also after failures', async () => {
    const script = `${hurried}n=0\nsoon 'the one' 'n=$((n + 1)); echo $n > "$FILE"; [ "$(wc -c < "$FILE")" -gt 0 ]; cat "$FILE"' 1\necho went on`;
    const { code, stdout } = await bash(`FILE=$(mktemp)\n${script}\nrm "$FILE"`);
    expect([code, stdout]).toEqual([0, 'went on\n']);
  });

  it.each([
    ['', 'nothing'],
    ['<html>busy', '<html>busy'],
    ['{"code":"service_unavailable"}', '{"code":"service_unavailable"}'],
  ])('json says in one sentence that %j is no answer to work with', async (answer, shown) => {
    const { code, stdout, stderr } = await bash(`${names}echo '${answer}' | json "v.items[0].id"`);
    expect([code, stdout, stderr]).toEqual([1, '', `another answer was expected than: ${shown}\n`]);
  });

  it('statuses shows what a stream says, with the reason of a cancellation', async () => {
    const stream =
      'event: status\\ndata: {"status":"reserved"}\\n\\ndata: {"status":"cancelled","reason":"out_of_stock"}\\n';
    const { stdout } = await bash(`${names}printf '${stream}' | statuses`);
    expect(stdout).toBe('reserved\ncancelled, out_of_stock\n');
  });

  it.each([
    ['GBP', '£5.00'],
    ['JPY', '¥500'],
    ['KWD', 'KWD 0.500'],
  ])('money shows 500 minor units of %s with the decimals of the currency', async (currency, shown) => {
    const { stdout } = await bash(
      `${names}echo '{"amountMinor":500,"currency":"${currency}"}' | json "money(v)"`,
    );
    expect(stdout.replaceAll('\u00a0', ' ')).toBe(`${shown}\n`);
  });
});
