/** Compiles what changed into `dist/` and removes what lost its source. Safe when two builds run at once. */
export function build(root: string): Promise<{ compiled: number; removed: number }>;
