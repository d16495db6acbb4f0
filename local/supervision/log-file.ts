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

/** The last lines that mean something, to show when a process does not come up. */
export function lastLines(file: string, count: number): string[] {
  try {
    const { size } = statSync(file);
    const length = Math.min(size, 16 * 1024);
    const buffer = Buffer.alloc(length);
    const descriptor = openSync(file, 'r');
    try {
      readSync(descriptor, buffer, 0, length, size - length);
    } finally {
      closeSync(descriptor);
    }
    return buffer
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-count);
  } catch {
    return [];
  }
}
