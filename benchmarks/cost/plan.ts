import { text } from 'node:stream/consumers';

/** The plan of this process, as JSON: its one argument, or its input, since an argument has 128 KiB at most. */
export const readPlan = async <Plan>(): Promise<Plan> =>
  JSON.parse(process.argv[2] ?? (await text(process.stdin))) as Plan;
