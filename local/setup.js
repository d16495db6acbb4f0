#!/usr/bin/env node
// Installs dependencies and builds, for commands that need nothing else (`npm test`, `npm run check`, …).
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup/set-up.js';

try {
  await setUp(dirname(dirname(fileURLToPath(import.meta.url))));
} catch (error) {
  console.error(`cartstream: ${error.message}`);
  process.exit(1);
}
