import type { DataFolder } from './data-folder/open.js';
import type { Ports } from './data-folder/ports.js';
import type { Progress } from './progress.js';
import type { Crew } from './supervision/crew.js';

/** What every step of the start works with. */
export type Context = {
  folder: DataFolder;
  ports: Ports;
  crew: Crew;
  progress: Progress;
  signal: AbortSignal;
};
