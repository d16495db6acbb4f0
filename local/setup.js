#!/usr/bin/env node
// Dependencies and build, for the commands that run before anything else is there (`npm test`, `npm run check`, …).
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup/set-up.js';

try {
  await setUp(dirname(dirname(fileURLToPath(import.meta.url))));
} catch (error) {
  console.error(`cartstream: ${error.message}`);
  process.exit(1);
}
