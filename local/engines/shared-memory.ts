/** Shared memory of System V, as the kernel lists it (proc_sysvipc(5)). */
export const sharedMemoryFile = '/proc/sysvipc/shm';

/** The line of `postmaster.pid` with the key and the id of the cluster's segment. */
const segmentLine = 6;

/**
 * How many processes still have the memory of the cluster whose `postmaster.pid` this is. A server does not start before
 * there are none, and they can outlive the process that the file names: killed while it shut down, it leaves behind whoever
 * writes the last checkpoint.
 */
export const usersOfCluster = (postmasterPid: string, sharedMemory: string): number => {
  const [key, id] = postmasterPid.split('\n')[segmentLine]?.trim().split(/\s+/) ?? [];
  const [head = '', ...lines] = sharedMemory.split('\n').map((line) => line.trim());
  const columns = head.split(/\s+/);
  const [keyAt, idAt, usersAt] = ['key', 'shmid', 'nattch'].map((name) => columns.indexOf(name));
  // Both: after a restart of the machine the id may be that of another program's.
  const segment = lines
    .map((line) => line.split(/\s+/))
    .find((cells) => cells[keyAt ?? -1] === key && cells[idAt ?? -1] === id);
  return id === undefined || segment === undefined ? 0 : Number(segment[usersAt ?? -1]);
};
