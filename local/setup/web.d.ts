/** Builds the web pages into `dist/web` if their sources have changed. Rejects with what the bundler said. */
export function buildWeb(root: string): Promise<{ isBuilt: boolean }>;
