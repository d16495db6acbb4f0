/** `npm run check`: everything that needs no engine. Runs all steps, shows each, fails if one fails. */
import { spawn } from 'node:child_process';

type Step = { name: string; command: string; args: string[] };

const steps: Step[] = [
  {
    name: 'generated files and schema compatibility',
    command: 'tsx',
    args: ['--conditions=source', 'scripts/generate.ts', '--check'],
  },
  { name: 'types', command: 'tsc', args: ['--noEmit', '--project', '.'] },
  // Each app registers the routes of its own pages, so that each is compiled by itself.
  ...['web', 'web/dashboard', 'web/admin'].map((project) => ({
    name: `types of ${project === 'web' ? 'the shop' : project}`,
    command: 'tsc',
    args: ['--noEmit', '--project', project],
  })),
  { name: 'lint and format', command: 'biome', args: ['check', '--error-on-warnings', '.'] },
  {
    name: 'import boundaries',
    command: 'depcruise',
    args: [
      '--config',
      '.dependency-cruiser.cjs',
      'platform',
      'recommenders',
      'services',
      'stream-jobs',
      'schemas',
      'local',
      'scripts',
      'tests',
      'benchmarks',
      'web',
    ],
  },
];

const run = ({ command, args }: Step): Promise<{ ok: boolean; output: string }> =>
  new Promise((resolve) => {
    const child = spawn(`node_modules/.bin/${command}`, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', (error) => resolve({ ok: false, output: String(error) }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });

let failed = 0;
for (const step of steps) {
  const startedAtMs = Date.now();
  const { ok, output } = await run(step);
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${step.name} (${((Date.now() - startedAtMs) / 1000).toFixed(1)} s)`);
  if (!ok) {
    failed += 1;
    console.log(output.trimEnd().replace(/^/gm, '     '));
  }
}
console.log(failed === 0 ? 'all checks hold; next: npm test' : `${failed} of ${steps.length} checks failed`);
process.exit(failed === 0 ? 0 : 1);
