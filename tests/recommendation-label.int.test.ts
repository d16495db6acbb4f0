import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { createClickHouse } from '#platform/clickhouse/client';
import { newId } from '#platform/ids';
import { engines } from '#platform/testing/engines';
import {
  labelInSql,
  labelled,
  labelledModels,
  labelledScenarios,
  labelOf,
} from '#schemas/recommendation-label';

const pick = <T>(of: ArrayLike<T>): T => of[randomInt(of.length)] as T;
const someId = (): string =>
  labelled(newId(), {
    scenario: pick(labelledScenarios),
    model: pick(labelledModels),
    experiment: randomInt(2) ? { code: randomInt(1, 65_536), arm: randomInt(15) } : null,
    exploredPlace: randomInt(2) ? randomInt(15) : null,
  });
/** With a few of its characters replaced, mostly by ones that an id may have. */
const forged = (id: string): string => {
  const characters = [...id];
  for (let times = randomInt(1, 4); times > 0; times -= 1)
    characters[randomInt(characters.length)] = pick(
      randomInt(4) ? '0123456789abcdef' : 'zA9F-.\n\u00e9\u20ac',
    );
  return characters.join('');
};

test('ClickHouse reads from any text the label that TypeScript reads', async () => {
  const ids = Array.from({ length: 1_500 }, someId).flatMap((id) => [id, forged(id)]);
  ids.push(
    'zzzzzzzz-zzzz-7zzz-bezz-zzzzzzzzzzzz',
    '',
    `${ids[0]}0`,
    `${ids[0]}\n`,
    `\n${ids[0]}`,
    'x'.repeat(36),
  );
  const clickhouse = createClickHouse({ url: engines().clickhouseUrl });
  const columnsOf = ({ scenario, model, experiment, arm, exploredPlace }: ReturnType<typeof labelInSql>) =>
    `[${scenario}, ${model}, toString(${experiment}), toString(${arm}), toString(${exploredPlace})]`;
  const ofId = labelInSql('id');
  const rows = await clickhouse.query<{ id: string; found: string[]; masked: string[] }>(
    `SELECT id, ${columnsOf(ofId)} AS found, ${columnsOf(labelInSql('label'))} AS masked
     FROM (SELECT id, ${ofId.label} AS label FROM (SELECT arrayJoin({ids:Array(String)}) AS id))`,
    { ids },
  );
  await clickhouse.stop();
  expect(rows).toHaveLength(ids.length);
  const expected = ids.map((id) => {
    const { scenario, model, experiment, exploredPlace } = labelOf(id) ?? {};
    const label = [
      scenario ?? '',
      model ?? '',
      experiment?.code ?? 0,
      experiment?.arm ?? 15,
      exploredPlace ?? 15,
    ];
    return { id, found: label.map(String) };
  });
  // Nobody asks for the arm of no experiment.
  const shown = ([scenario, model, experiment, arm, place]: string[]) => [
    scenario,
    model,
    experiment,
    experiment === '0' ? '15' : arm,
    place,
  ];
  expect(rows.map(({ id, found }) => ({ id, found: shown(found) }))).toEqual(expected);
  expect(rows.map(({ masked }) => masked)).toEqual(rows.map(({ found }) => found));
  const withLabel = expected.filter(({ found: [scenario] }) => scenario !== '').length;
  expect(withLabel).toBeGreaterThan(1_500);
  expect(withLabel).toBeLessThan(ids.length - 100);
});
