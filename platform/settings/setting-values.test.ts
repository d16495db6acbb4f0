import { expect, test } from 'vitest';
import { z } from 'zod';
import { createSettingValues } from './setting-values.js';

const setting = {
  key: 'waits.longMs',
  schema: z.int().min(1).max(100),
  unit: 'milliseconds',
  description: 'For this test.',
  default: 50,
};
const change = (version: number, value: string | null, occurredAt = version) => ({
  key: setting.key,
  version,
  value,
  occurredAt,
});

const open = () => {
  const warnings: unknown[] = [];
  const logger = { warn: (...words: unknown[]) => void warnings.push(words), info: () => {} };
  return { values: createSettingValues(logger as never), warnings };
};

test('a setting has its fallback until a value arrives, and again when the value is taken back', () => {
  const { values } = open();
  const current = values.of(setting, 70);
  expect(current()).toBe(70);
  values.apply([change(1, '20')]);
  expect(current()).toBe(20);
  values.apply([change(2, null)]);
  expect(current()).toBe(70);
});

test('the last change on the log decides, also when its version counts anew or the clock was set back', () => {
  const { values } = open();
  const current = values.of(setting, 70);
  values.apply([change(3, '30', 1_000)]);
  values.apply([change(1, '20', 1_001)]);
  expect(current()).toBe(20);
  values.apply([change(2, '40', 500)]);
  expect(current()).toBe(40);
});

test.each([[[2]], [[1, 2]]])('late copies of the changes %j do not set the setting back', (versions) => {
  const { values } = open();
  const current = values.of(setting, 70);
  const copies = versions.map((version) => change(version, `${version}0`));
  values.apply([change(1, '10'), change(2, '20'), change(3, '30')]);
  values.apply(copies);
  expect(current()).toBe(30);
  values.apply([change(4, '40'), ...copies]);
  expect(current()).toBe(40);
});

test('whoever asks after the change was read gets the changed value', () => {
  const { values } = open();
  values.apply([change(1, '20')]);
  expect(values.of(setting, 70)()).toBe(20);
});

test.each(['0', '101', '"20"', 'twenty'])('the value %s counts as not set, with a warning', (value) => {
  const { values, warnings } = open();
  const current = values.of(setting, 70);
  values.apply([change(1, '20')]);
  values.apply([change(2, value)]);
  expect(current()).toBe(70);
  expect(warnings).toHaveLength(1);
});
