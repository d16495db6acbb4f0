import { runServices, type Service } from '#platform/service-host';
import { folderOf, table } from './table.js';

const serviceIn = async (folder: string): Promise<Service> => {
  const { service } = (await import(`../${folder}/service.js`)) as { service: Service };
  return service;
};

/** Every service in one process: each with its own port, database and metrics, as when it runs alone. */
const hosted = table.filter(({ kind }) => kind !== 'job');
await runServices(await Promise.all(hosted.map((part) => serviceIn(folderOf(part)))));
