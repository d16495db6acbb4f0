#!/usr/bin/env node
// The first thing a newcomer runs: plain JavaScript, because nothing is installed or built yet.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const nodeMajor = Number(process.versions.node.split('.')[0]);
if (nodeMajor < 20) {
  console.error(`cartstream: Node.js 20 or newer is needed, this is ${process.versions.node}`);
  process.exit(1);
}

// Nobody may read any more: a terminal was closed, or `| head` has seen enough. That ends nothing, and least of all a stop.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const { isFree, portTaken } = await import('./setup/port.js');
const { continueWith, endWithParent, runtimeOf } = await import('./setup/runtime.js');
const { setUp } = await import('./setup/set-up.js');
const { dataFolderIn, parseOptions, usage, UsageError } = await import('./setup/options.js');
const root = dirname(dirname(fileURLToPath(import.meta.url)));

let options;
try {
  options = parseOptions(process.argv.slice(2), process.env);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`cartstream: ${error.message}\n${usage}`);
  process.exit(2);
}
if (options.help) {
  console.log(usage);
  process.exit(0);
}

// A first start says so before it installs packages. Later ones leave it to `launch`, which first looks at the data folder.
const isFirst = !existsSync(join(root, 'node_modules'));
if (isFirst && !options.enginesOnly && !(await isFree(options.port))) {
  console.error(`cartstream: ${portTaken(options.port)}`);
  process.exit(1);
}

endWithParent();
let runtime;
try {
  await setUp(root);
  runtime = runtimeOf(root);
} catch (error) {
  console.error(`cartstream: ${error.message}`);
  process.exit(1);
}
if (runtime !== process.execPath) await continueWith(runtime, process.argv.slice(1));

process.chdir(root);
const { launch } = await import('../dist/local/launcher.js');
await launch({ ...options, dataDir: dataFolderIn(root, options.dataDir, process.env) });
