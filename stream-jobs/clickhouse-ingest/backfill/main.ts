import { loadConfig } from '#platform/config';
import { messageOf } from '#platform/errors';
import { clickhouseIngestConfig } from '../config.js';
import type { Progress } from './backfill.js';
import { readArguments, runBackfill, usage } from './command.js';

/** The command of `npm run backfill`, and of a container of clickhouse-ingest: a line every second, then a summary. */

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);
const lineMs = 1_000;
let shownAtMs = 0;
let shownStep = '';

const show = ({ step, done, total }: Progress): void => {
  const nowMs = performance.now();
  if (step === shownStep && nowMs - shownAtMs < lineMs) return;
  shownAtMs = nowMs;
  shownStep = step;
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
  say(step === 'copying' || step === 'reading' ? `${step} ${percent} % (${done} of ${total} offsets)` : step);
};

try {
  const given = readArguments(process.argv.slice(2));
  const config = loadConfig(clickhouseIngestConfig, process.env);
  const { rows, rowsBefore, mended, exchangeMs, oldDatabase } = await runBackfill(config, given, show);
  say(
    `${given.request.table} has ${rows} rows, where it had ${rowsBefore}; the ingest stood still for ${Math.round(exchangeMs)} ms`,
  );
  if (mended > 0) say(`${mended} cells of rollups were wrong and have been corrected`);
  if (!given.dropOld) say(`the old tables are in ${oldDatabase}, until the next back-fill or DROP DATABASE`);
} catch (error) {
  complain(messageOf(error));
  complain(usage);
  process.exitCode = 1;
}
