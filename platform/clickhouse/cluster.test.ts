import { describe, expect, it } from 'vitest';
import { onCluster } from './cluster.js';

describe('a statement for a cluster', () => {
  it.for([
    [
      'CREATE TABLE IF NOT EXISTS a (x UInt8) ENGINE = ReplacingMergeTree(x) ORDER BY x',
      'CREATE TABLE IF NOT EXISTS a ON CLUSTER `c` (x UInt8) ENGINE = ReplicatedReplacingMergeTree(x) ORDER BY x',
    ],
    [
      '-- Why.\nCREATE TABLE IF NOT EXISTS a (x UInt8)\nENGINE = MergeTree\nORDER BY x',
      '-- Why.\nCREATE TABLE IF NOT EXISTS a ON CLUSTER `c` (x UInt8)\nENGINE = ReplicatedMergeTree\nORDER BY x',
    ],
    [
      "CREATE MATERIALIZED VIEW IF NOT EXISTS v TO a AS SELECT 'ENGINE = MergeTree' AS x FROM b",
      "CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER `c` TO a AS SELECT 'ENGINE = MergeTree' AS x FROM b",
    ],
    ['CREATE VIEW IF NOT EXISTS v AS SELECT 1', 'CREATE VIEW IF NOT EXISTS v ON CLUSTER `c` AS SELECT 1'],
    ['ALTER TABLE a MODIFY SETTING x = 1', 'ALTER TABLE a ON CLUSTER `c` MODIFY SETTING x = 1'],
    ['DROP VIEW IF EXISTS `d`.v', 'DROP VIEW IF EXISTS `d`.v ON CLUSTER `c`'],
    ['CREATE DATABASE IF NOT EXISTS `d`', 'CREATE DATABASE IF NOT EXISTS `d` ON CLUSTER `c`'],
    ['INSERT INTO a SELECT 1', 'INSERT INTO a SELECT 1'],
  ])('is executed everywhere: %s', ([given, wanted]) => {
    expect(onCluster(given as string, 'c')).toBe(wanted);
  });

  it.for(['RENAME TABLE a TO b', 'CREATE TABLE a (x UInt8) ENGINE = Memory', 'SYSTEM RELOAD DICTIONARIES'])(
    'is refused where it would be executed on one server: %s',
    (given) => {
      expect(() => onCluster(given, 'c')).toThrow('all servers');
    },
  );
});
