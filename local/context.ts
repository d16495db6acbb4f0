import type { DataFolder } from './data-folder/open.js';
import type { Ports } from './data-folder/ports.js';
import type { Progress } from './progress.js';
import type { Crew } from './supervision/crew.js';

/** The values that every step of the start needs. */
export type Context = {
  folder: DataFolder;
  ports: Ports;
  crew: Crew;
  progress: Progress;
  signal: AbortSignal;
};
