import { expect, it } from 'vitest';
import { usersOfCluster } from './shared-memory.js';

const postmasterPid = (segment: string) =>
  [
    '24113',
    '/tmp/shop/postgres/cluster',
    '1795937423',
    '25805',
    '',
    '127.0.0.1',
    segment,
    'ready   ',
    '',
  ].join('\n');

const sharedMemory = `       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap
  10313832      32768   600                    56 22467 30410     31     0     0     0     0 1795937689 1795937689 1795937385                  4096                     0
  10019613      32773   600                    56 24113 24127      1     0     0     0     0 1795937688 1795937689 1795937567                  4096                     0
`;

it('of a cluster whose postmaster is gone is still used by who writes its checkpoint', () => {
  expect(usersOfCluster(postmasterPid(' 10019613     32773'), sharedMemory)).toBe(1);
  expect(usersOfCluster(postmasterPid(' 10019613     32774'), sharedMemory)).toBe(0);
  expect(usersOfCluster(postmasterPid(' 10019614     32773'), sharedMemory)).toBe(0);
});

it('is used by nobody where the file says nothing of it, as a server does that has just begun', () => {
  for (const file of ['', '24113\n', postmasterPid('')]) expect(usersOfCluster(file, sharedMemory)).toBe(0);
  expect(usersOfCluster(postmasterPid(' 10019613     32773'), '')).toBe(0);
});
