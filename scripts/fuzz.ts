/**
 * `npm run fuzz`: Schemathesis against `/openapi.json`, with all of its checks, on a platform of its own (or on the
 * one whose `run.json` CARTSTREAM_RUN names). Fails on any finding, and when there were too few cases.
 * FUZZ_EXAMPLES is how many cases are tried for each operation beyond the systematic ones, FUZZ_SEED repeats a run, and
 * FUZZ_PATHS (a regular expression) restricts it to some paths, and then to no number of cases.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectPath } from '#platform/project';
import { cacheDir } from '../local/software/cache.js';

const schemathesisVersion = '4.32.5';
const casesMin = 10_000;
const startTimeoutMs = 10 * 60_000;
const runTimeoutMs = 60 * 60_000;
const examples = process.env.FUZZ_EXAMPLES ?? '50';
const paths = process.env.FUZZ_PATHS;

type Run = { gateway: string; adminEmail: string; adminPassword: string };

type Report = {
  /** The seed is larger than a number can represent, so it is read from the text. */
  seed: string;
  running_time: number;
  operations: { tested: number };
  test_cases: { generated: number; unique_failures: number; errored: number };
};

class Unable extends Error {}

/** A Python environment with the pinned version, created once in the cache. */
const installSchemathesis = (): string => {
  const cache = cacheDir(process.env);
  const folder = join(cache, `schemathesis-${schemathesisVersion}`);
  const program = join(folder, 'bin', 'schemathesis');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return program;
  console.log(`fuzz: installing Schemathesis ${schemathesisVersion} into ${folder}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const step = (command: string, args: string[], otherwise: string): void => {
    try {
      execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    } catch {
      throw new Unable(otherwise);
    }
  };
  step(
    'python3',
    ['-m', 'venv', folder],
    'Python 3.10 or newer with venv is needed: apt-get install python3-venv',
  );
  step(
    join(folder, 'bin', 'pip'),
    ['install', '--quiet', '--disable-pip-version-check', `schemathesis==${schemathesisVersion}`],
    `Schemathesis ${schemathesisVersion} could not be installed from PyPI`,
  );
  writeFileSync(complete, '');
  return program;
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/** A platform without traffic, on a temporary folder; `stop` leaves nothing behind. */
const startPlatform = async (): Promise<{ run: Run; stop(): Promise<void> }> => {
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-fuzz-'));
  const args = ['--data', folder, '--port', String(await freePort()), '--no-traffic', '--catalog', '60'];
  console.log('fuzz: starting a platform of its own');
  const child = spawn(process.execPath, ['local/start.js', ...args, '--limits', 'relaxed'], {
    cwd: projectPath('.'),
    env: { ...process.env, TRACE_SAMPLE_RATIO: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    const ended = exitOf(child);
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await readyLine(child);
    return { run: JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as Run, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const readyLine = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Unable('the platform was not ready in time')), startTimeoutMs);
    child.once('exit', (code) => reject(new Unable(`the platform ended with ${code} before it was ready`)));
    if (child.stdout === null) throw new Unable('the platform has no output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(`  ${line}`);
      if (!line.startsWith('ready ')) return;
      clearTimeout(timer);
      resolve();
    });
  });

const exitOf = (child: ChildProcess): Promise<number> =>
  child.exitCode === null && child.signalCode === null
    ? new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
    : Promise.resolve(child.exitCode ?? 1);

const logIn = async (run: Run): Promise<{ accessToken: string; user: { id: string } }> => {
  const answer = await fetch(`${run.gateway}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: run.adminEmail, password: run.adminPassword }),
  });
  if (!answer.ok) throw new Unable(`the admin cannot log in: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as { accessToken: string; user: { id: string } };
};

/** Waits until every service's part is in the document, because Schemathesis tests only what is described. */
const completeDocument = async (run: Run): Promise<void> => {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const answer = await fetch(`${run.gateway}/openapi.json`).catch(() => undefined);
    const document = (await answer?.json().catch(() => undefined)) as
      | { 'x-missing-services'?: string[] }
      | undefined;
    const missing = document === undefined ? ['the gateway'] : (document['x-missing-services'] ?? []);
    if (missing.length === 0) return;
    if (Date.now() > deadline) throw new Unable(`/openapi.json lacks ${missing.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
};

/** Makes some orders, and lists the ids of what the shop holds, by the path below which each is found. */
const thingsOf = async (
  { gateway }: Run,
  { token, adminId }: { token: string; adminId: string },
): Promise<Record<string, string[]>> => {
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(gateway + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'idempotency-key': randomUUID(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Unable(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const idsAt = async (path: string, field = 'id'): Promise<string[]> => {
    const { items } = (await call('GET', path)) as { items: Record<string, string>[] };
    return items.map((item) => item[field] ?? '');
  };
  const products = await idsAt('/api/products?limit=100');
  const address = { name: 'A', line1: '1', city: 'London', postalCode: 'N1', country: 'GB' };
  const orders: string[] = [];
  for (const productId of products.slice(0, 20)) {
    const items = [{ productId, quantity: 1 }];
    const order = { items, shippingAddress: address, payment: { method: 'card', token: 'tok_ok' } };
    orders.push(((await call('POST', '/api/orders', order)) as { id: string }).id);
  }
  for (const id of orders) await call('GET', `/api/orders/${id}/status?waitMs=5000`);
  const [firstProduct = ''] = products;
  await call('POST', `/api/products/${firstProduct}/reviews`, { rating: 5, title: 'Good', text: 'It is.' });
  await call('POST', '/api/users/me/addresses', address);
  return {
    '/api/products': products,
    '/api/inventory': products,
    '/api/cart/items': products,
    '/api/categories': await idsAt('/api/categories'),
    '/api/orders': orders,
    '/api/ops/sagas': orders,
    '/api/payments': await idsAt('/api/payments?limit=100'),
    '/api/reviews': await idsAt('/api/reviews'),
    '/api/users': (await idsAt('/api/users')).filter((id) => id !== adminId),
    '/api/users/me/addresses': await idsAt('/api/users/me/addresses'),
  };
};

const runSchemathesis = async (program: string, run: Run, folder: string): Promise<Report> => {
  await completeDocument(run);
  const { accessToken, user } = await logIn(run);
  const things = await thingsOf(run, { token: accessToken, adminId: user.id });
  const report = join(folder, 'report.json');
  const args = [
    '--config-file',
    projectPath('scripts/fuzz.toml'),
    'run',
    `${run.gateway}/openapi.json`,
    '--url',
    run.gateway,
    '--checks',
    'all',
  ];
  args.push('--header', `Authorization: Bearer ${accessToken}`, '--max-examples', examples);
  args.push('--request-timeout', '30', '--workers', '2', '--report', 'json', '--report-json-path', report);
  if (paths) args.push('--include-path-regex', paths);
  if (process.env.FUZZ_SEED) args.push('--seed', process.env.FUZZ_SEED);
  const child = spawn(program, args, {
    cwd: folder,
    env: {
      ...process.env,
      SCHEMATHESIS_HOOKS: 'fuzz_hooks',
      PYTHONPATH: projectPath('scripts'),
      PYTHONDONTWRITEBYTECODE: '1',
      CARTSTREAM_FUZZ_ADMIN_ID: user.id,
      CARTSTREAM_FUZZ_THINGS: JSON.stringify(things),
      CARTSTREAM_FUZZ_COUNTS: countsFile(folder),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.pipe(process.stdout, { end: false });
  child.stdout.pipe(createWriteStream(join(folder, 'output.txt')));
  const timer = setTimeout(() => child.kill('SIGTERM'), runTimeoutMs);
  await exitOf(child);
  clearTimeout(timer);
  if (!existsSync(report)) throw new Unable('Schemathesis ended without a report');
  const text = readFileSync(report, 'utf8');
  return { ...(JSON.parse(text) as Report), seed: /"seed": (\d+)/.exec(text)?.[1] ?? 'unknown' };
};

const countsFile = (folder: string): string => join(folder, 'counts.json');

/** How many requests each area (the first step below `/api`) got, as one line for each. */
const printCounts = (folder: string): void => {
  if (!existsSync(countsFile(folder))) return;
  const counts = JSON.parse(readFileSync(countsFile(folder), 'utf8')) as Record<string, number>;
  const areas = new Map<string, { operations: number; requests: number }>();
  for (const [operation, requests] of Object.entries(counts)) {
    const area = /^\S+ (?:\/api)?(\/[^/]*)/.exec(operation)?.[1] ?? operation;
    const before = areas.get(area) ?? { operations: 0, requests: 0 };
    areas.set(area, { operations: before.operations + 1, requests: before.requests + requests });
  }
  for (const [area, { operations, requests }] of [...areas].sort())
    console.log(`  ${area.padEnd(20)} ${operations} operations, ${requests} requests`);
};

const fuzz = async (): Promise<boolean> => {
  const program = installSchemathesis();
  const runFile = process.env.CARTSTREAM_RUN;
  const { run, stop } = runFile
    ? { run: JSON.parse(readFileSync(runFile, 'utf8')) as Run, stop: async () => {} }
    : await startPlatform();
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-fuzz-report-'));
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      interrupted = true;
      void stop().finally(() => process.exit(130));
    });
  try {
    const { test_cases: cases, operations, seed, running_time } = await runSchemathesis(program, run, folder);
    const isEnough = paths !== undefined || cases.generated >= casesMin;
    printCounts(folder);
    console.log(
      `\nfuzz: ${cases.generated} cases on ${operations.tested} operations in ${Math.round(running_time)} s, ` +
        `${cases.unique_failures} failures, ${cases.errored} errors (seed ${seed})` +
        (isEnough ? '' : `; at least ${casesMin} cases are wanted: raise FUZZ_EXAMPLES`),
    );
    return isEnough && cases.unique_failures === 0 && cases.errored === 0;
  } finally {
    if (!interrupted) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
};

try {
  process.exitCode = (await fuzz()) ? 0 : 1;
} catch (error) {
  if (!(error instanceof Unable)) throw error;
  console.error(`fuzz: ${error.message}`);
  process.exitCode = 1;
}
