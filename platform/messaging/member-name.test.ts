import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { isGhost, isNamed, memberName } from './member-name.js';

const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

/** A member's id, as the broker makes it of the name, with parts of the name changed. */
const memberId = (change: { host?: string; place?: string; pid?: number; started?: string } = {}): string => {
  const [ownHost, ownPlace, pid, started, consumer] = memberName('order').split('@')[1]?.split('/') ?? [];
  const { host = ownHost, place = ownPlace } = change;
  return `order@${host}/${place}/${change.pid ?? pid}/${change.started ?? started}/${consumer}-7b0c`;
};

describe('a member of a group', () => {
  it('is no ghost while its process lives', () => {
    expect(isGhost(memberId())).toBe(false);
  });

  it('is a ghost when its process in this place is dead', () => {
    expect(isGhost(memberId({ pid: deadPid() }))).toBe(true);
  });

  it('is a ghost when its number was given to another process since', () => {
    expect(isGhost(memberId({ started: '1' }))).toBe(true);
    expect(isGhost(memberId({ pid: process.ppid }))).toBe(true);
  });

  it('of another machine, another PID namespace, or with a name of another make, is left alone', () => {
    const pid = deadPid();
    expect(isGhost(memberId({ pid, host: 'elsewhere' }))).toBe(false);
    expect(isGhost(memberId({ pid, place: '0123456789ab' }))).toBe(false);
    expect(isGhost(memberId({ pid, place: 'unknown' }))).toBe(false);
    expect(isGhost('rdkafka-7b0c')).toBe(false);
  });

  it('has a name of its own among the members of one process', () => {
    const [first, second] = [memberName('order'), memberName('order')];
    expect(isNamed(`${first}-7b0c`, first)).toBe(true);
    expect(isNamed(`${second}-7b0c`, first)).toBe(false);
  });
});
