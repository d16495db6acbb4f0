import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync } from 'node:fs';

/**
 * Children append to their log by themselves, so no log line ever waits for the launcher. It is cut by copying and
 * truncating, which an appender does not notice; one older part is kept.
 */
export function openForAppend(file: string): number {
  return openSync(file, 'a', 0o600);
}

export function rotateWhenLarge(file: string, bytesMax: number): void {
  try {
    if (statSync(file).size <= bytesMax) return;
    copyFileSync(file, `${file}.1`);
    truncateSync(file, 0);
  } catch {
    // No log yet, or no room for a copy: try again at the next turn.
  }
}

const tailBytesMax = 16 * 1024;

/** The line that tells best why a process ended: the last one that speaks of an error, else simply the last. */
export function lastWords(file: string): string {
  const lines = tail(file)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |Node\.js v|[{}\]^]|\.\.\. \d+ more)/.test(line));
  return (
    lines.findLast((line) => /error|fatal|exception|cannot|failed/i.test(line)) ??
    lines.at(-1) ??
    ''
  ).slice(0, 300);
}

function tail(file: string): string {
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
}
