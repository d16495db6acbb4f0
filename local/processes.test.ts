import { describe, expect, it } from 'vitest';
import { jobs, table } from '../services/table.js';
import type { Ports } from './data-folder/ports.js';
import { planProcesses } from './processes.js';

const numbered = (): Ports => {
  let next = 5000;
  return { of: async () => next++ };
};

/** Ports are given out in the order of the table. */
const orderPort = 5000 + table.findIndex(({ name }) => name === 'order');

describe('the plan of processes', () => {
  it('puts the services and the jobs that share a process into one each, and the rest beside', async () => {
    const plan = await planProcesses({
      gatewayPort: 8000,
      separate: false,
      instances: {},
      ports: numbered(),
    });
    const names = plan.processes.map(({ name }) => name);
    expect(names).toEqual(['shop', 'streams', 'recommendation', 'clickhouse-ingest']);
    const shared = jobs.map(({ name }) => name).filter((name) => name !== 'clickhouse-ingest');
    expect(plan.processes[1]?.hosts.map(({ name }) => name)).toEqual(shared);
    expect(shared.length).toBeGreaterThan(1);
    expect(plan.processes[0]?.env).toMatchObject({ GATEWAY_PORT: '8000', ORDER_PORT: String(orderPort) });
    expect(plan.env).toMatchObject({
      GATEWAY_URL: 'http://127.0.0.1:8000',
      ORDER_URL: `http://127.0.0.1:${orderPort}`,
    });
  });

  it('gives each instance its own process and port, and tells all of them to everybody', async () => {
    const instances = { order: 2, 'item-similarity': 2 };
    const plan = await planProcesses({ gatewayPort: 8000, separate: true, instances, ports: numbered() });
    const orders = plan.processes.filter(({ entry }) => entry === 'services/order/main.js');
    expect(orders.map(({ name, env }) => [name, env.ORDER_PORT])).toEqual([
      ['order', String(orderPort)],
      ['order-2', String(orderPort + 1)],
    ]);
    expect(plan.env.ORDER_URL).toBe(`http://127.0.0.1:${orderPort},http://127.0.0.1:${orderPort + 1}`);
    expect(plan.processes.filter(({ name }) => name.startsWith('item-similarity'))).toHaveLength(2);
  });

  it('knows no instances of what does not exist', async () => {
    const options = { gatewayPort: 8000, separate: true, ports: numbered() };
    await expect(planProcesses({ ...options, instances: { ordre: 2 } })).rejects.toThrow(
      'no service "ordre"',
    );
  });
});
