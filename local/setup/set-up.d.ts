/** Everything between a fresh clone and a program that runs: `node_modules`, then `dist/`. */
export function setUp(root: string): Promise<void>;
