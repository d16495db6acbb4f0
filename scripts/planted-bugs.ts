/**
 * `npm run planted-bugs [name …]`: shows that the tests can fail. Copies the tree into a temporary folder, breaks it on
 * purpose, runs the tests that should notice, and expects them to turn red, bug by bug; an unbroken control run of the
 * same tests must be green. The engines are started once for all runs. Fails when a bug survives.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startScratch } from '../tests/running-platform.js';
import { type PlantedBug, plantedBugs } from './planted-bugs/bugs.js';

type Run = { name: string; expected: 'red' | 'green'; ok: boolean; summary: string; seconds: number };

const root = process.cwd();
const wanted = process.argv.slice(2);
const timeoutMs = 8 * 60_000;

const copyTree = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'cartstream-planted-'));
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
    .toString()
    .split('\n')
    .filter(Boolean);
  for (const file of files) cpSync(join(root, file), join(folder, file), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
};

/** Throws unless the file contains the text exactly once: then the bug's text has to be updated. */
const plant = (folder: string, bug: PlantedBug): void => {
  for (const { file, find, replace } of bug.edits) {
    const path = join(folder, file);
    const source = readFileSync(path, 'utf8');
    if (source.split(find).length !== 2)
      throw new Error(`${bug.name}: ${file} does not hold the text to break exactly once`);
    writeFileSync(
      path,
      source.replace(find, () => replace),
    );
  }
};

const runTests = (
  folder: string,
  tests: readonly string[],
  runFile: string,
): Promise<{ red: boolean; summary: string }> =>
  new Promise((resolve) => {
    const child = spawn('npx', ['vitest', 'run', ...tests], {
      cwd: folder,
      env: { ...process.env, CARTSTREAM_RUN: runFile, FORCE_COLOR: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGTERM'), timeoutMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      const lines = output.split('\n');
      const failures = lines.filter((line) => /^\s*(FAIL|×)\s/.test(line)).map((line) => line.trim());
      const totals = lines.filter((line) => /^\s*Tests\s/.test(line)).map((line) => line.trim());
      const shown = [...totals, ...new Set(failures)].slice(0, 6);
      // A run that ended before any test has no totals: then the end of its output gives the reason.
      const summary = (totals.length > 0 ? shown : lines.filter(Boolean).slice(-12)).join('\n      ');
      resolve({ red: code !== 0, summary });
    });
  });

const attempt = async (
  name: string,
  expected: Run['expected'],
  tests: readonly string[],
  runFile: string,
  bug?: PlantedBug,
): Promise<Run> => {
  const folder = copyTree();
  const startedAtMs = Date.now();
  try {
    if (bug) plant(folder, bug);
    execFileSync('node', ['local/setup.js'], { cwd: folder, stdio: 'ignore' });
    const { red, summary } = await runTests(folder, tests, runFile);
    return {
      name,
      expected,
      ok: red === (expected === 'red') && (expected === 'green' || summary.includes('failed')),
      summary,
      seconds: Math.round((Date.now() - startedAtMs) / 1000),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const bugs = plantedBugs.filter((bug) => wanted.length === 0 || wanted.includes(bug.name));
const unknown = wanted.filter((name) => !plantedBugs.some((bug) => bug.name === name));
if (unknown.length > 0) {
  console.error(`no bug ${unknown.join(', ')}; there are: ${plantedBugs.map((bug) => bug.name).join(', ')}`);
  process.exit(2);
}

const runs: Run[] = [];
const report = (run: Run) => {
  runs.push(run);
  const nth = `${runs.length} of ${bugs.length + 1}`;
  console.log(
    `${run.ok ? 'ok  ' : 'FAIL'} ${nth} ${run.name}: expected ${run.expected} (${run.seconds} s)\n      ${run.summary}`,
  );
};

console.log('starting the engines');
const engines = await startScratch(['--port', '0', '--engines-only']);
try {
  const all = [...new Set(bugs.flatMap((bug) => bug.tests))];
  report(await attempt('control, nothing planted', 'green', all, engines.runFile));
  for (const bug of bugs) {
    console.log(
      `\nplanting ${bug.name}: ${bug.what}\n      in ${bug.edits.map((edit) => edit.file).join(', ')}, watched by ${bug.tests.join(', ')}`,
    );
    report(await attempt(bug.name, 'red', bug.tests, engines.runFile, bug));
  }
} finally {
  await engines.stop();
}
const survived = runs.filter((run) => !run.ok);
console.log(`\n${runs.length - survived.length} of ${runs.length} runs as expected`);
process.exit(survived.length === 0 ? 0 : 1);
