import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * Children append to their log by themselves, so no log line waits for the launcher. A long log is copied and
 * truncated, which works while a process appends to it; one older part is kept.
 */
export const openForAppend = (file: string): number => {
  // Somebody may have tidied up.
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, 'a', 0o600);
};

/** For what the launcher itself writes: a line for which there is no room is lost, and nothing ends for that. */
export const appendLine = (file: string, line: string): void => {
  try {
    const log = openForAppend(file);
    try {
      appendFileSync(log, `${line}\n`);
    } finally {
      closeSync(log);
    }
  } catch {
    // The next line tries again.
  }
};

export const rotateWhenLarge = (file: string, bytesMax: number): void => {
  try {
    if (statSync(file).size <= bytesMax) return;
    copyFileSync(file, `${file}.1`);
    truncateSync(file, 0);
  } catch {
    // There is no log yet, or no space for a copy: the next turn tries again.
  }
};

const tailBytesMax = 16 * 1024;

export const lastWords = (file: string): string => wordsIn(tail(file));

/** The line that probably says why a process ended: the last one with an error, else the last one. */
export const wordsIn = (log: string): string => {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |Node\.js v|[{}\]^]|\.\.\. \d+ more)/.test(line));
  return (
    lines.findLast((line) => /error|fatal|exception|cannot|failed/i.test(line)) ??
    lines.at(-1) ??
    ''
  ).slice(0, 300);
};

const tail = (file: string): string => {
  try {
    const { size } = statSync(file);
    const buffer = Buffer.alloc(Math.min(size, tailBytesMax));
    const descriptor = openSync(file, 'r');
    try {
      readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    } finally {
      closeSync(descriptor);
    }
    return buffer.toString('utf8');
  } catch {
    return '';
  }
};
