/** Everything between a fresh clone and a program that runs: `node_modules`, then `dist/` with the web pages. */
export function setUp(root: string): Promise<void>;
