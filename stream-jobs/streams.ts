import { runServices, type Service } from '#platform/service-host';
import { folderOf, sharedJobs } from '../services/table.js';

const serviceIn = async (folder: string): Promise<Service> => {
  const { service } = (await import(`../${folder}/service.js`)) as { service: Service };
  return service;
};

/** The jobs that share a process: each with its own port, consumer groups and metrics, as when it runs alone. */
await runServices(await Promise.all(sharedJobs.map((part) => serviceIn(folderOf(part)))));
