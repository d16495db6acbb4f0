import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { isGhost, memberName } from './member-name.js';

const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

describe('a member of a group', () => {
  it('is no ghost while its process lives', () => {
    expect(isGhost(`${memberName('order')}-7b0c`)).toBe(false);
    expect(isGhost(`order@${hostname()}/${process.ppid}/1-7b0c`)).toBe(false);
  });

  it('is a ghost when its process on this machine is dead', () => {
    expect(isGhost(`order@${hostname()}/${deadPid()}/1-7b0c`)).toBe(true);
  });

  it('is a ghost when its number was given to this process since', () => {
    expect(isGhost(`order@${hostname()}/${process.pid}/1-7b0c`)).toBe(true);
  });

  it('of another machine, or with a name of another make, is left alone', () => {
    expect(isGhost(`order@elsewhere/${deadPid()}/1-7b0c`)).toBe(false);
    expect(isGhost('rdkafka-7b0c')).toBe(false);
  });
});
