import { fork } from 'node:child_process';
import { projectPath } from '#platform/project';

/**
 * A steady load of shoppers' events in a process of its own, about these products or about unknown ones. `stop` resolves
 * with the events a second that Kafka has acknowledged.
 */
export const startShoppers = (
  perSecond: number,
  productIds?: readonly string[],
): { stop(): Promise<number> } => {
  const shoppers = fork(projectPath('dist/benchmarks/freshness/shoppers.js'), {
    env: {
      ...process.env,
      PER_SECOND: String(perSecond),
      ...(productIds === undefined ? {} : { PRODUCTS: productIds.join(',') }),
    },
  });
  const reached = new Promise<number>((resolve, reject) => {
    shoppers.once('message', (sum) => {
      const { sent, seconds } = sum as { sent: number; seconds: number };
      resolve(sent / seconds);
    });
    shoppers.once('exit', (code) => reject(new Error(`the load ended by itself with ${code}`)));
  });
  reached.catch(() => {});
  return {
    stop: () => {
      shoppers.kill('SIGTERM');
      return reached;
    },
  };
};
