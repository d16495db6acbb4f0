import { runServices, type Service } from '#platform/service-host';
import { folderOf, sharedServices } from './table.js';

const serviceIn = async (folder: string): Promise<Service> => {
  const { service } = (await import(`../${folder}/service.js`)) as { service: Service };
  return service;
};

/** The services that share a process: each with its own port, database and metrics, as when it runs alone. */
await runServices(await Promise.all(sharedServices.map((part) => serviceIn(folderOf(part)))));
